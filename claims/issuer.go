package claims

import (
	"context"
	"maps"
	"slices"
	"time"
)

// An Issuer says which tokens of one authorization server a resource server accepts. URL,
// Keys (or Opaque) and Audiences (or WithoutAudience) are required. The zero value of every other
// field is the safe default. [NewVerifier] copies it.
type Issuer struct {
	// URL is the exact value of iss. It is compared byte by byte and never normalised:
	// a trailing slash is part of it (RFC 8725 section 3.8).
	URL string

	// Audiences are the identifiers of this API. A token is accepted if its aud has
	// one of them, compared byte by byte (RFC 7519 section 4.1.3).
	Audiences []string

	// WithoutAudience holds the conditions for tokens whose aud is absent, null or an empty
	// array. By default they are refused.
	WithoutAudience *WithoutAudience

	// Keys are the issuer's keys. They verify tokens of this issuer only, even if another
	// issuer uses the same kid.
	Keys KeySet

	// JWKSURL is where an issuer without discovery publishes its keys. Package middleware
	// fetches them if Keys is nil. This package makes no request: NewVerifier needs Keys.
	JWKSURL string

	// Opaque, if not nil, asks the issuer about its opaque tokens, which are not JWTs. Most
	// programs use an Introspector of package middleware/introspection. The answer must pass
	// the checks of a JWT of this issuer, except those of alg, typ and signature. Keys can
	// then be nil: JWTs of this issuer are refused.
	//
	// A token that looks like a JWT, valid or not, signed or encrypted, is never treated as an
	// opaque one. An answer about a JWT can refuse it, and changes none of its claims. The opaque
	// tokens of two issuers must begin with different prefixes. All methods must be safe for
	// concurrent use.
	Opaque interface {
		// Introspect returns the claims that the issuer has for a token, a JSON object
		// with iss and exp, and whether the token was accepted before by this answer. The
		// error matches ErrRejected if the token is not active. Any other error makes the
		// answer a 503, with the RetryAfter of an *UnavailableError.
		Introspect(ctx context.Context, issuer, token string) (payload string, remembered bool, err error)

		// Accepted is called when a token is accepted by an answer that was not remembered.
		// Until then the token can be one for another API, of which a stranger may have
		// many.
		Accepted(issuer, token string)

		// Tokens says which tokens are introspected: opaque ones that begin with prefix, of
		// so many bytes, none if longest is 0, and, if jwts, JWTs that are valid by
		// their signature and claims. It always returns the same.
		Tokens() (prefix string, shortest, longest int, jwts bool)
	}

	// Algorithms are the accepted values of alg. The default is every asymmetric
	// algorithm of RFC 7518, RFC 8037 and RFC 9864 that package jwks verifies: RS256,
	// RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA and Ed25519. HS256,
	// HS384 and HS512 must be listed, and cannot be combined with asymmetric algorithms.
	// ML-DSA-44, ML-DSA-65 and ML-DSA-87 (RFC 9964) must be listed too. They need a program
	// that was built with Go 1.27 and without the FIPS 140-3 module v1.0.0; in any other
	// program NewVerifier reports them. Their tokens have 4 to 8 kB.
	Algorithms []string

	// TokenTypes are the accepted values of typ, without regard to case. A leading
	// "application/" is ignored if no other slash follows (RFC 7515 section 4.1.9). ""
	// means a token without typ.
	// The default is "", "JWT" and "at+jwt". See also Issuer.RFC9068.
	TokenTypes []string

	// RequiredClaims are names of claims that must be present and not null. iss, exp and aud
	// are always required, except for aud if WithoutAudience is set.
	RequiredClaims []string

	// RequiredAny are names of claims of which a token must have at least one. null, and an empty
	// string, array or object count as absent. The default is none.
	RequiredAny []string

	// ClaimValues are claims that must be strings with exactly these values. They
	// distinguish an issuer's access tokens from its other tokens: {"token_use": "access"}
	// for Cognito.
	ClaimValues map[string]string

	// ClaimOneOf are claims that must be strings with one of these values:
	// {"typ": {"Bearer", "DPoP"}} for Keycloak. Each claim must match.
	ClaimOneOf map[string][]string

	// ClaimRules are claims at any depth that must have one of these values. The key is a JSON
	// Pointer (RFC 6901). A value is a string, a bool, or nil, which means that the claim can be
	// absent or null:
	//
	//	{"/kubernetes.io/namespace": {"shop"}, "/email_verified": {true}, "/sts": {nil, "active"}}
	//
	// Strings are compared byte by byte, and a claim of another type does not match. Each claim
	// must match. Elements of arrays have no pointers: a token in which a claim on the way is an
	// array, or anything else but an object, is refused. Only an absent or null one lets nil match.
	//
	// A value can also have the methods Allows(claim string) bool, which decides about a string,
	// and String() string, which says what it allows. They must be safe for concurrent use.
	// Allows must always decide alike, because a remembered token is not judged by it again. To
	// change what it allows, set another value: values that are not equal by == are another rule.
	ClaimRules map[string][]any

	// MustLimit, if not nil, names claims by their JSON Pointers. One of them is enough:
	// NewVerifier reports a mistake if no rule in ClaimRules, ClaimOneOf or ClaimValues lists the
	// accepted strings of any of them. It is for an issuer from which strangers can get a token
	// for any audience, such as GitHub's: without a rule, the API would be open to the world. The
	// constructors of package providers set it, so that a caller who loses all of these rules by
	// mistake gets an error. The default is none.
	MustLimit []string

	// ScopeClaims are the paths of the claims that may hold scopes. The first one
	// present is used, even if it is null, empty or mistyped. A path names a top-level
	// claim, then a member of each nested object. The default is scope, then scp.
	//
	// ScopeClaims do not help to tell ID tokens apart: a token with a nonce needs a scope
	// or scp that is not null.
	ScopeClaims [][]string

	// AllowedScopes, if not nil, are the only scopes that tokens of this issuer can grant,
	// compared byte by byte. Claims.Scopes and Claims.HasScope ignore all others, so that a
	// partner's token with the scope admin grants nothing. AllowedScopes does not change
	// what Claims.Strings, As and Claims.Decode return. The default is all scopes.
	AllowedScopes []string

	// Leeway is the clock difference that is tolerated for exp, nbf and, with MaxLifetime, iat.
	// It defaults to 5 seconds and is at most 5 minutes.
	Leeway time.Duration

	// MaxLifetime, if not 0, is the longest time from iat to exp that a token may have. A
	// longer one is refused, and so is a token without a usable iat or with an iat in the
	// future. It bounds how long a stolen token is of use, and how long a revocation must be
	// remembered. It is at least one second. The default is no limit.
	MaxLifetime time.Duration

	// Validate, if not nil, checks each verified token further, on every request. It may
	// check an organisation, or a deny-list keyed by jti. It may block until ctx ends. An
	// error that matches ErrForbidden refuses the request with a 403. ErrUnavailable,
	// ErrKeysUnavailable or a context's error makes it a 503. Any other error, including
	// ErrRevoked, refuses the token with a 401. The error's text is never sent. Validate must be safe for
	// concurrent use.
	Validate func(ctx context.Context, c *Claims) error

	// Err, if not nil, is what is wrong with the arguments of the constructor of the Issuer. Those
	// of package providers set it. NewVerifier reports it with all other mistakes, so that nothing
	// trusts the Issuer.
	Err error

	rules []claimRule // of ClaimRules, set by withDefaults
}

// WithoutAudience holds the conditions for tokens without an audience. Cognito issues
// them, and Keycloak without an audience mapper. Nothing in them names the API they are
// for, so they are accepted only from listed clients.
type WithoutAudience struct {
	_ [0]func() // written with field names

	// ClientIDs are the clients whose tokens are accepted. At least one is required.
	ClientIDs []string
	// ClientIDClaim is the claim that names the client. It defaults to client_id.
	ClientIDClaim string
	// ClaimValues must match as well, like Issuer.ClaimValues.
	ClaimValues map[string]string
}

// RFC9068 returns a copy of i that requires the JWT profile for access tokens. typ must be
// at+jwt (RFC 9068 section 4). The claims sub, client_id, iat and jti are required in
// addition to iss, aud and exp (section 2.2). Tokens without aud are refused.
func (i Issuer) RFC9068() Issuer {
	i.TokenTypes = []string{"at+jwt"}
	i.RequiredClaims = append(slices.Clone(i.RequiredClaims), "sub", "client_id", "iat", "jti")
	i.WithoutAudience = nil
	return i
}

var (
	// asymmetricAlgorithms are the default.
	asymmetricAlgorithms = []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
		"ES256", "ES384", "ES512", "EdDSA", "Ed25519",
	}
	symmetricAlgorithms = []string{"HS256", "HS384", "HS512"}

	defaultTokenTypes = []string{"", "jwt", "at+jwt"}
	// otherTokenTypes are never access tokens, so a Config must not list them: RFC 8417,
	// RFC 9449, RFC 9101, RFC 9701, OpenID Connect Back-Channel Logout.
	otherTokenTypes = []string{
		"secevent+jwt", "dpop+jwt", "oauth-authz-req+jwt", "token-introspection+jwt", "logout+jwt",
	}
)

const (
	defaultLeeway = 5 * time.Second
	maxLeeway     = 5 * time.Minute
)

// withDefaults returns a copy of i with all defaults filled in, or an error that reports
// all mistakes. The copy shares no slice or map with i.
func (i Issuer) withDefaults() (*Issuer, error) {
	i.Audiences = slices.Clone(i.Audiences)
	i.ClaimValues = maps.Clone(i.ClaimValues)
	i.RequiredClaims = slices.Clone(i.RequiredClaims)
	i.RequiredAny = slices.Clone(i.RequiredAny)
	i.AllowedScopes = slices.Clone(i.AllowedScopes)
	i.ClaimOneOf = maps.Clone(i.ClaimOneOf)
	for name, values := range i.ClaimOneOf {
		i.ClaimOneOf[name] = slices.Clone(values)
	}
	i.MustLimit = slices.Clone(i.MustLimit)
	i.copyClaimRules()
	i.Algorithms = orDefault(i.Algorithms, asymmetricAlgorithms)
	i.TokenTypes = orDefault(i.TokenTypes, defaultTokenTypes)
	for n, typ := range i.TokenTypes {
		i.TokenTypes[n] = mediaType(typ)
	}
	i.ScopeClaims = orDefault(i.ScopeClaims, defaultScopeClaims)
	for n, path := range i.ScopeClaims {
		i.ScopeClaims[n] = slices.Clone(path)
	}
	if i.Leeway == 0 {
		i.Leeway = defaultLeeway
	}
	if i.WithoutAudience != nil {
		without := *i.WithoutAudience
		without.ClientIDs = slices.Clone(without.ClientIDs)
		without.ClaimValues = maps.Clone(without.ClaimValues)
		if without.ClientIDClaim == "" {
			without.ClientIDClaim = "client_id"
		}
		i.WithoutAudience = &without
	}
	if err := i.mistakes(); err != nil {
		return nil, err
	}
	if i.Keys == nil {
		i.Keys = noKeys{}
	}
	return &i, nil
}

func orDefault[T any](list, fallback []T) []T {
	if list == nil {
		list = fallback
	}
	return slices.Clone(list)
}
