package middleware

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// A Verifier decides whether a token is valid for this API. [New] makes a
// [claims.Verifier], unless Config has another one: a fake in a test, or one that
// asks another service. It must be safe for concurrent use.
//
// A Verifier can also have the ValidUntil method of claims.Verifier, which tells
// [Middleware.UntilExpiry] when a token expires. Without it, that is 5 seconds after exp.
type Verifier interface {
	// Verify returns the claims of token, or an error. The token is a b64token (RFC 6750
	// section 2.1) of at most Config.MaxTokenBytes.
	//
	// The claims.Reason that errors.As finds in the error decides the answer:
	// ErrUnavailable and ErrKeysUnavailable are a 503, and so is a context's error without
	// a Reason; ErrForbidden is a 403; any other Reason or error is a 401. Neither claims
	// nor an error is a 503.
	//
	// Verify is called again for a request that runs for long. The proofs are then those that
	// have confirmed the token before, and they are not judged again. They have only the
	// methods of claims.Proof, whatever the Request had.
	Verify(ctx context.Context, token string, proofs ...claims.Proof) (*claims.Claims, error)
}

// A Middleware lets requests with a valid bearer token through to a handler, and answers
// all others. [New] makes it. It is safe for concurrent use, and has nothing to close.
type Middleware struct {
	verifier      Verifier
	decodes       bool        // verifier is a claims.Verifier: see Middleware.verify
	hidesIssuers  atomic.Bool // see revealsIssuer
	maxTokenBytes int
	tokenField    string // Config.TokenField

	challengeStart, challengeEnd string

	dpop *dpop.Checker // nil without Config.DPoP
	mtls *mtls.Checker // nil without Config.MTLS

	requiresBinding bool // Config.RequireBinding

	bodies map[problem]body // see knownBodies

	resource      string                   // Config.Resource
	listed        []string                 // Config.AuthorizationServers
	publishes     atomic.Bool              // the metadata are published
	servers       atomic.Pointer[[]string] // the authorization servers in the metadata
	insecureHosts []string                 // Config.InsecureHTTPHosts

	mu           sync.Mutex      // guards declared, runs and replacements
	declared     map[string]bool // the scopes that declared routes accept
	runs         []*run          // calls of Run under way
	replacements replacements

	tenants interface {
		Resolve(context.Context, string) (*claims.Verifier, error)
	} // Config.Tenants
	replacing sync.Mutex // guards fetching
	fetching  *fetching  // nil with a Config.Verifier

	errorHandler func(http.ResponseWriter, *http.Request, *Error)
	logger       *slog.Logger
	warnings     warnLimit
	unaccepted   unaccepted

	observe          func(context.Context, Decision)
	observesDuration bool
}

// New returns a Middleware, or every mistake in the Config at once. It makes no request
// and starts no goroutine: keys are fetched when the first token arrives.
func New(config Config) (*Middleware, error) {
	problems := config.check()
	verifier, fetching, errs := config.verifier()
	problems = append(problems, errs...)
	keys, certificates, errs := config.checkers()
	problems = append(problems, errs...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	_, decodes := verifier.(*claims.Verifier)
	m := &Middleware{
		resource:        config.Resource,
		listed:          slices.Clone(config.AuthorizationServers),
		insecureHosts:   slices.Clone(config.InsecureHTTPHosts),
		verifier:        verifier,
		dpop:            keys,
		mtls:            certificates,
		requiresBinding: config.RequireBinding,
		decodes:         decodes,
		tokenField:      http.CanonicalHeaderKey(config.TokenField),
		maxTokenBytes:   cmp.Or(config.MaxTokenBytes, defaultMaxTokenBytes),
		challengeStart:  bearerScheme + " realm=" + quoted(cmp.Or(config.Realm, defaultRealm)),
		tenants:         config.Tenants,
		fetching:        fetching,
		errorHandler:    config.ErrorHandler,
		logger:          config.Logger,

		observe:          config.Observe,
		observesDuration: config.ObserveDuration,
	}
	if fetching != nil {
		fetching.byHand = config.addresses()
	}
	m.follow(m.issuers())
	if address := cmp.Or(config.ResourceMetadataURL, metadataURL(config.Resource)); address != "" {
		m.challengeEnd = ", resource_metadata=" + quoted(address)
	}
	m.bodies = knownBodies()
	m.hidesIssuers.Store(len(config.Issuers) > 1 || config.Tenants != nil || config.Verifier != nil)
	return m, nil
}

// Handler returns a handler that calls next for requests with a valid token, whatever its
// scopes. The claims are in the request's context: see [claims.FromContext]. Handler panics
// if next is nil.
func (m *Middleware) Handler(next http.Handler) http.Handler {
	return m.GuardAuthenticated().Handler(next)
}

// Require returns a middleware that lets requests through if their token is valid and every
// policy allows it. Below a Handler of the same Middleware it does not verify the token
// again. Below another Require, a challenge names the scopes of both.
//
// Require panics without policies, because an empty list from a configuration would allow
// every token. [Middleware.Handler] only authenticates.
func (m *Middleware) Require(policies ...Policy) func(http.Handler) http.Handler {
	if len(policies) == 0 {
		panic("middleware: Require needs at least one policy; Handler authenticates only")
	}
	g := m.Guard(policies...)
	return func(next http.Handler) http.Handler { return g.Handler(next) }
}

// RequireScopes is Require with [AllScopes]: the token needs every one of the scopes. It
// panics without a scope, or if one does not fit the grammar of RFC 6749 section 3.3.
func (m *Middleware) RequireScopes(scopes ...string) func(http.Handler) http.Handler {
	return m.Require(AllScopes(scopes...))
}

// Optional is like [Middleware.Handler], but also calls next, without claims in the
// context, for requests that carry no bearer token. A token that is not valid is refused.
// Optional panics if next is nil.
//
// It adds Authorization, or Config.TokenField, to the Vary field, so that a cache does not give
// the answer for one caller to another (RFC 9110 section 12.5.5).
func (m *Middleware) Optional(next http.Handler) http.Handler {
	guarded := m.GuardOptional().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", m.credentialField())
		guarded.ServeHTTP(w, r)
	})
}
