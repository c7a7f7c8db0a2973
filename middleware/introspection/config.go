package introspection

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

const (
	defaultTTL = 30 * time.Second
	maxTTL     = 5 * time.Minute

	defaultTimeout = 3 * time.Second
	maxTimeout     = 10 * time.Second

	defaultMinBytes = 16
	defaultMaxBytes = 1 << 10
	maxMaxBytes     = 16 << 10

	defaultEntries = 10_000
	maxEntries     = 1 << 20

	defaultInFlight = 64
	maxInFlight     = 1 << 10
	defaultRate     = 500
	maxRate         = 100_000
)

// A Config says how the introspection endpoint of one issuer is asked. Endpoint is required, and
// one way for this API to authenticate itself there. The zero value of every other field is a safe
// default. [New] copies the Config.
//
// Packages fmt, log/slog and encoding/json print no secret of a Config, unless the Config or its
// ClientSecret is in an unexported field of another struct: fmt then calls no method.
type Config struct {
	_ [0]func() // written with field names

	// Endpoint is the URL of the introspection endpoint (introspection_endpoint in the metadata
	// of the issuer). It is https, or http on loopback. No redirect is followed.
	Endpoint string

	// Which tokens are introspected.

	// Prefix is how the issuer's opaque tokens begin, such as "ory_at_". Tokens without it
	// cause no request. Set it if the tokens have one: it stops most guesses, and the issuer
	// does not get to see other secrets that clients send by mistake. Two issuers with opaque
	// tokens need prefixes, of which none begins with the other.
	Prefix string

	// MinBytes and MaxBytes are the lengths of opaque tokens, with the Prefix. They default to
	// 16 and 1,024. MaxBytes is at most 16 KiB.
	MinBytes, MaxBytes int

	// AlsoJWT introspects the JWTs of the issuer, too, after their signature and claims were
	// found valid. A revoked JWT is then refused within TTL. The issuer needs Keys. Set Prefix
	// as well, so that guesses of opaque tokens do not use up the issuer's own limit.
	AlsoJWT bool

	// OnlyJWT is AlsoJWT for an issuer that has no opaque tokens, such as Keycloak.
	OnlyJWT bool

	// How this API authenticates itself (RFC 7662 section 2.1): exactly one of ClientSecret,
	// SigningKey, Certificate, MutualTLS, BearerToken and InsecureNoAuthentication.

	// ClientID is the name of this API at the issuer. ClientSecret, SigningKey, Certificate and
	// MutualTLS require it.
	ClientID string

	// ClientSecret is sent with the scheme Basic (client_secret_basic, RFC 6749 section 2.3.1).
	// If SecretInBody is set, it is sent in the form (client_secret_post). A []byte can be
	// assigned to it; its type prints as a fixed text. It must not end with a line break.
	// Some servers do not undo the encoding of section 2.3.1. They need SecretInBody if the
	// ClientID or the secret has other characters than letters, digits and - . _ ~.
	ClientSecret secretBytes `json:"-" yaml:"-"`
	SecretInBody bool

	// SigningKey signs an assertion for each request (private_key_jwt, RFC 7523). SigningKeyID
	// is its kid, and can be empty. SigningAlgorithm is RS256, PS256, ES256, EdDSA or Ed25519.
	// It defaults to RS256, ES256 or EdDSA, by the type of the key. AssertionAudience is the aud of the
	// assertion, and defaults to the URL of the issuer.
	SigningKey        crypto.Signer `json:"-" yaml:"-"`
	SigningKeyID      string
	SigningAlgorithm  string
	AssertionAudience string

	// Certificate is shown in the TLS handshake (RFC 8705 section 2). It goes with a Client
	// without a Transport. MutualTLS says that the Transport of Client has a certificate.
	Certificate *tls.Certificate `json:"-" yaml:"-"`
	MutualTLS   bool

	// BearerToken returns an access token of this API for the endpoint. It is called for each
	// request, and should keep the token until it expires. An error is a failed request.
	// BearerToken must be safe for concurrent use.
	BearerToken func(ctx context.Context) (string, error)

	// InsecureNoAuthentication sends no credential. It is for an endpoint that only the network
	// protects, such as that of Ory Hydra. Anyone who reaches such an endpoint can test
	// stolen or guessed tokens.
	InsecureNoAuthentication bool

	// What answers must have.

	// ImpliedAudience is taken as the aud of answers that have none. By default tokens without
	// an audience are refused. Set it only if the endpoint calls no token active that
	// is not for this API. It must be one of the issuer's Audiences.
	//
	// A refresh token is active as well, and some endpoints answer without token_type: nothing
	// then tells a refresh token from an access token. Set Prefix to that of access tokens, or
	// have token_type in the issuer's RequiredClaims, unless its JWTs are accepted as well.
	ImpliedAudience string

	// ResponseAlgorithms demands signed answers (RFC 9701), by one of these algorithms: those
	// of claims.Issuer that are asymmetric. Plain JSON is then refused. ResponseKeys are the
	// keys of the issuer, such as a *jwks.Cache. ClientID is needed, as the aud of answers.
	// An answer does not say which token it is about, and its iat can be a minute old. So a party
	// that TLS does not keep out can still give an answer about another token.
	ResponseAlgorithms []string
	ResponseKeys       claims.KeySet

	// How answers are remembered.

	// TTL is how long an answer is used. A token that is revoked meanwhile is accepted for so
	// long. It defaults to 30 seconds and is at most 5 minutes. With a negative value each
	// request asks again: only those at the same time share an answer. Requests with accepted
	// tokens are then bounded by MaxInFlight only.
	//
	// No answer is used past the exp of the token. The answer that a token is not active is used
	// for 10 seconds, whatever the TTL is.
	TTL time.Duration

	// StaleIfError is how much longer an answer about an accepted token is used while the
	// endpoint fails. It is at most 5 minutes. A 429 is a failure, too: guesses can cause it if
	// UnknownPerSecond is too high. A token that is revoked meanwhile is
	// accepted for so long. The default is 0: requests get a 503.
	StaleIfError time.Duration

	// CacheEntries is how many accepted tokens are remembered. It defaults to 10,000, and should
	// be more than are in use. The answers take at most 4 KiB for each on average. The least
	// recently used ones are dropped. 1,024 others are remembered apart from them: tokens that
	// are not active, or that are for other APIs.
	CacheEntries int

	// How much the endpoint is asked.

	// MaxInFlight is how many requests there are at a time. It defaults to 64, and is at least
	// 2, or 3 with AlsoJWT. Tokens that were accepted before have at most three quarters of
	// them, and so do all others together. With AlsoJWT, at most a half is for other opaque
	// tokens, and a quarter for other JWTs. More wait for up to Timeout.
	MaxInFlight int

	// UnknownPerSecond is how many tokens that were not accepted before are introspected per
	// second. It defaults to 500. More get a 503. An opaque token cannot be checked without the
	// issuer, so this bounds what a flood of guesses does to it. With AlsoJWT, JWTs that are
	// valid by their signature have as many of their own. After a second without any, there can
	// be twice as many in the next one.
	//
	// It must be well below the limit of the endpoint itself for this API. Guesses could
	// otherwise use up that limit, and the endpoint would answer 429 for tokens in use as well.
	// After a restart all tokens are unknown: raise it if many more are in use, and the issuer
	// can bear it.
	UnknownPerSecond int

	// Timeout is how long one request takes at most. It defaults to 3 seconds, and is at most 10.
	Timeout time.Duration

	// Client makes the requests. It defaults to a client that takes nothing from
	// http.DefaultTransport. The default obeys HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the
	// environment: a proxy for plain http reads all that is sent. RootCAs replaces the
	// certificate authorities of the system, and goes with a Client without a Transport.
	Client  *http.Client
	RootCAs *x509.CertPool

	// InsecureHTTPHosts are hosts, without a port, that Endpoint may reach over plain http. An
	// attacker who controls the network in between reads tokens and the client's secret, and
	// makes any token active. Loopback needs no entry.
	InsecureHTTPHosts []string

	// Logger gets a line when the endpoint begins to fail, and one a minute while it fails. It is
	// an Error if the endpoint does not accept the credentials of this API, else a Warn. It gets an Info when
	// the endpoint answers again. No line has a token or the body of an answer. It defaults to
	// slog.Default().
	Logger *slog.Logger
}

const (
	redacted   = "(redacted)"
	configText = "introspection.Config" + redacted
)

// Format prints a fixed text.
func (Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, configText) }

// secretBytes print as a fixed text, also in a copy of a Config that a printer takes apart.
type secretBytes []byte

// String is for printers that ask only for a fmt.Stringer.
func (secretBytes) String() string { return redacted }

// GoString is for printers that ask only for a fmt.GoStringer.
func (secretBytes) GoString() string { return redacted }

func (secretBytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText is for encoders that ignore the tags.
func (secretBytes) MarshalText() ([]byte, error) { return []byte(redacted), nil }
