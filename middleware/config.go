package middleware

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/redact"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

const (
	defaultMaxTokenBytes = 16 << 10
	defaultRealm         = "api"
)

// A Config says which tokens a [Middleware] accepts, and how it answers. One of these is
// required: Issuer with Audiences, Issuers, Tenants, or Verifier. [New] copies the Config.
type Config struct {
	_ [0]func() // written with field names

	// One issuer.

	// Issuer is the exact iss of the tokens, byte for byte: a trailing slash is part of
	// it. Its keys are found by discovery, unless JWKSURL is set.
	Issuer string

	// Audiences are the identifiers of this API, at least one with Issuer. The aud of a
	// token must have one of them.
	Audiences []string

	// JWKSURL is where Issuer publishes its keys, for an issuer without discovery. It can
	// only be set with Issuer.
	JWKSURL string

	// RequiredClaims, Leeway and Validate are those of a claims.Issuer. They can only be
	// set with Issuer. An issuer that needs more, such as Algorithms or ScopeClaims, goes
	// into Issuers.
	RequiredClaims []string
	Leeway         time.Duration
	Validate       func(ctx context.Context, c *claims.Claims) error

	// Several issuers.

	// Issuers are one or more issuers, each with its own settings. An issuer whose Keys is
	// nil gets a jwks.Cache, from its JWKSURL or by discovery from its URL. An issuer of
	// opaque tokens only gets none: its Opaque is set, and its JWKSURL is empty.
	Issuers []claims.Issuer

	// Tenants, if set, finds issuers that are not configured, when a token names one: a
	// *tenants.Resolver of package claims/tenants. It can be set alone, or with Issuer or
	// Issuers, which it is not asked about. Resolve is that of claims.Config.
	//
	// If it also has the method Knows(iss string) bool, as the Resolver has, decisions name the
	// issuers for which Knows returns true. Without it, Decision.Issuer is empty for them.
	Tenants interface {
		Resolve(ctx context.Context, iss string) (*claims.Verifier, error)
	}

	// Another verifier.

	// Verifier replaces the one that New makes. It may be a *claims.Verifier, or a fake
	// in a test.
	Verifier Verifier

	// How keys are fetched.

	// Client fetches keys, for Issuer and for Issuers without Keys. Set it for a private
	// certificate authority or a proxy. It defaults to the client of jwks.Config.
	//
	// For any other setting of a jwks.Cache, make the cache, and set it as the Keys of an
	// issuer in Issuers.
	Client *http.Client

	// InsecureHTTPHosts are hosts whose keys may be fetched over plain http, such as an
	// issuer inside a cluster. It is for Issuer and for Issuers without Keys. An attacker who
	// controls the network in between can forge tokens. Loopback needs no entry.
	InsecureHTTPHosts []string

	// PrivateHosts are hosts with private addresses on which a jwks_uri of discovery may be. It
	// is for Issuer and for Issuers without Keys. The host of the issuer needs no entry.
	PrivateHosts []string

	// AllowRedirects follows redirects to the same host over https, for Issuer and for
	// Issuers without Keys. By default no redirect is followed.
	AllowRedirects bool

	// FetchLimit bounds the fetches in flight, for Issuer and for Issuers without Keys. It
	// defaults to one for each of them, at least 16 and at most 512. Set it to share a limit
	// with other caches.
	FetchLimit *jwks.FetchLimit

	// What is kept and read of tokens.

	// CacheEntries is how many verified tokens are remembered, for Issuer and Issuers. It
	// defaults to 10,000. A negative value remembers none. See claims.Config.
	CacheEntries int

	// MaxTokenBytes is the length of the longest token that is read. A longer one is
	// refused with a 401. It defaults to 16 KiB and is at most 1 MiB. net/http limits the
	// whole header of a request, to 1 MiB by default.
	MaxTokenBytes int

	// TokenField, if set, is the header field that has the token, without a scheme. Authorization
	// is not read then. Gateways send their tokens so: Cf-Access-Jwt-Assertion
	// of Cloudflare Access, X-Goog-Iap-Jwt-Assertion of Google IAP, and Txn-Token for transaction
	// tokens. It cannot be set with DPoP.
	//
	// The field must occur once: a second one is a 400. So is a value that is empty, that has a
	// scheme, or that has a character which no token has. Any other text that is no valid token is
	// a 401.
	//
	// Shared caches protect only answers to requests with an Authorization field (RFC 9111 section
	// 3.5). Handlers must set Cache-Control: private, or no-store, on what is not for everyone.
	TokenField string

	// DPoP, if set, accepts tokens that are bound to the key of their client (RFC 9449). They come
	// with the scheme DPoP and a proof for each request. Without DPoP they are refused.
	DPoP *dpop.Config

	// MTLS, if set, accepts tokens that are bound to the TLS certificate of their client (RFC
	// 8705 section 3). Without it they are refused. A token that is bound to a certificate and to
	// a DPoP key needs both.
	MTLS *mtls.Config

	// RequireBinding refuses tokens that are bound neither to a DPoP key nor to a certificate. It
	// is for a profile that leaves the choice to the client (FAPI 2.0 Security Profile section
	// 5.3.4). dpop.Config.Required and mtls.Config.Required demand one of the two.
	RequireBinding bool

	// How requests are answered.

	// Realm is the realm of the challenges, in printable ASCII. It defaults to "api".
	Realm string

	// Resource is this API's resource identifier (RFC 9728 section 1.2). It is the https URL by
	// which clients know it, byte for byte, or http on loopback, without a fragment. A client
	// names it to the authorization server, so it should be one of the Audiences as well (RFC 8707
	// section 2). It is not derived from the Audiences, nor from a request's Host, which the
	// sender chooses.
	//
	// If set, every challenge names the URL of its metadata, which
	// Middleware.ResourceMetadata publishes.
	Resource string

	// ResourceMetadataURL is the URL of this API's protected resource metadata, for every
	// challenge (RFC 9728 section 5.1). It is an https URL, or http on loopback. It
	// defaults to the URL that RFC 9728 section 3.1 forms from Resource. Without either
	// field, challenges name no metadata.
	ResourceMetadataURL string

	// AuthorizationServers are the issuers that Middleware.ResourceMetadata publishes. They
	// default to all configured issuers, in that order. Set it if not all of them should
	// be public, such as a list of tenants, and with a Verifier, whose issuers are not
	// known. It can only be set with Resource.
	AuthorizationServers []string

	// Logger receives every refusal at debug level, and at most one warning in 10 seconds
	// while requests cannot be decided. No line has any part of a token, or the error of a
	// hook or policy, which may have one: hooks and policies must log their own failures.
	// The key caches that New makes log their changes to it as well. It defaults to what
	// slog.Default returns when a line is logged.
	Logger *slog.Logger

	// Observe, if set, is called once for each decision. These are decisions of a Guard in any
	// transport, of Authorize for a request that this Middleware has let through, and of Refuse.
	// Observe is for metrics and audits: see Decision, and the packages promauth and otelauth.
	//
	// It runs on the goroutine of the request, before the answer is written, so it must not
	// block. ctx is that of the request. A panic is not recovered. It must be safe for
	// concurrent use. The regular checks of a long request (Middleware.UntilExpiry) are
	// observed only if they end it, on a goroutine of their own. A panic there is logged as an
	// Error, and the request ends.
	Observe func(ctx context.Context, d Decision)

	// ObserveDuration measures Decision.Duration, by two readings of the clock.
	ObserveDuration bool

	// ObserveFetch and ObserveWait are the OnFetch and OnWait of the key caches that New makes. It
	// makes them for Issuer and for Issuers without Keys. ObserveFetch also gets the issuer. See
	// jwks.Config.
	ObserveFetch func(issuer, cause, result string, took time.Duration)
	ObserveWait  func(ctx context.Context) (done func(err error))

	// ErrorHandler, if set, answers in place of WriteError for Handler, Optional, Require and
	// Refuse. It can send a page, or a body of another format. The header already has the
	// challenge or Retry-After. The status is err.Status, unless the ErrorHandler sets another one
	// of 400 and more: http.ServeContent and redirects set none, and the connection cannot be
	// hijacked. The request has no Range and no preconditions. If the ErrorHandler writes nothing,
	// WriteError answers. It may call WriteError, but not Refuse, which would call it again. It
	// must be safe for concurrent use.
	//
	// err is for logs and decisions. Its text, and the text of what it wraps, must not be
	// sent to callers.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err *Error)
}

// check reports what is wrong with c, except for its issuers.
func (c *Config) check() []error {
	var problems mistakes
	one, several, verifier := c.hasIssuer(), c.Issuers != nil, c.Verifier != nil
	problems.report(!one && !several && !verifier && c.Tenants == nil,
		": one of Issuer with Audiences, Issuers, Tenants and Verifier is required")
	tenants := reflect.ValueOf(c.Tenants)
	problems.report(tenants.Kind() == reflect.Pointer && tenants.IsNil(), ".Tenants: a nil %T", c.Tenants)
	problems.report(verifier && c.Tenants != nil, ".Tenants: set claims.Config.Resolve of the Verifier")
	problems.report(one && several || several && verifier || verifier && one,
		": only one of Issuer with Audiences, Issuers, and Verifier can be set")
	problems.report(several && len(c.Issuers) == 0, ".Issuers: at least one is required")
	problems = append(problems, c.checkModes()...)
	problems.report(c.MaxTokenBytes < 0 || c.MaxTokenBytes > 1<<20,
		".MaxTokenBytes %d: it is not between 0 and 1 MiB", c.MaxTokenBytes)
	problems.report(strings.ContainsFunc(c.Realm, unprintable), ".Realm %q: it must be printable ASCII", c.Realm)
	err := checkPublicURL(c.ResourceMetadataURL)
	problems.report(err != nil, ".ResourceMetadataURL %q: %w", c.ResourceMetadataURL, err)
	err = checkPublicURL(c.Resource)
	problems.report(err != nil, ".Resource %q: %w", c.Resource, err)
	problems = append(problems, c.checkTokenField()...)
	return append(problems, c.checkServers()...)
}

// checkModes reports the fields that have no effect beside those that are set.
func (c *Config) checkModes() []error {
	var problems mistakes
	one := c.hasIssuer()
	for _, f := range []struct {
		set  bool
		name string
	}{
		{len(c.RequiredClaims) > 0, "RequiredClaims"}, {c.Leeway != 0, "Leeway"}, {c.Validate != nil, "Validate"},
	} {
		problems.report(f.set && !one, ".%s: it goes with Issuer only; set it in the claims.Issuer", f.name)
	}
	problems.report(c.JWKSURL != "" && !one, ".JWKSURL %q: it goes with Issuer only; set it in the claims.Issuer", redact.URL(c.JWKSURL))
	fetches := one || c.Tenants != nil || slices.ContainsFunc(c.Issuers, func(i claims.Issuer) bool { return getsKeys(&i) })
	for _, f := range []struct {
		set  bool
		name string
	}{
		{c.Client != nil, "Client"},
		{len(c.InsecureHTTPHosts) > 0, "InsecureHTTPHosts"},
		{len(c.PrivateHosts) > 0, "PrivateHosts"},
		{c.AllowRedirects, "AllowRedirects"},
		{c.FetchLimit != nil, "FetchLimit"},
		{c.ObserveFetch != nil, "ObserveFetch"},
		{c.ObserveWait != nil, "ObserveWait"},
	} {
		problems.report(f.set && !fetches, ".%s: no keys are fetched, so it would have no effect", f.name)
	}
	problems.report(c.ObserveDuration && c.Observe == nil, ".ObserveDuration: it has no effect without Observe")
	problems.report(c.CacheEntries != 0 && c.Verifier != nil, ".CacheEntries %d: a Verifier remembers tokens itself", c.CacheEntries)
	return problems
}

// mistakes are what is wrong with a Config.
type mistakes []error

func (m *mistakes) report(bad bool, format string, args ...any) {
	m.reportIn("Config", bad, format, args...)
}

// reportIn is for what can also be an argument, and not only a field of the Config.
func (m *mistakes) reportIn(where string, bad bool, format string, args ...any) {
	if bad {
		*m = append(*m, fmt.Errorf("middleware: invalid "+where+format, args...))
	}
}

func (c *Config) hasIssuer() bool { return c.Issuer != "" || c.Audiences != nil }

func unprintable(r rune) bool { return r < ' ' || r > '~' }
