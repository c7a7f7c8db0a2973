package middleware

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/bearerguard/bearerguard/claims"
)

// A Verifier decides whether a token is valid for this API. [claims.NewVerifier] returns
// the one that New makes for itself; tests have their own. It is safe for concurrent
// use.
type Verifier interface {
	// Verify returns the claims of token, which is a b64token (RFC 6750 section 2.1)
	// of at most Config.MaxTokenBytes, or an error.
	//
	// The claims.Reason that [errors.As] finds in the error decides the answer:
	// ErrUnavailable and ErrKeysUnavailable are a 503, as is a context's error without
	// a Reason; ErrForbidden is a 403; all others, and errors that say nothing, are a
	// 401. A Verifier that returns neither claims nor an error gets a 503.
	//
	// A Verifier that also has the ValidUntil method of a claims.Verifier tells
	// Middleware.UntilExpiry when a token ends. Without it, that is 5 seconds after exp.
	Verify(ctx context.Context, token string, proofs ...claims.Proof) (*claims.Claims, error)
}

// A Middleware lets requests with a valid bearer token through to a handler and answers
// all others. It is made by [New], is safe for concurrent use, and has nothing to close.
type Middleware struct {
	verifier      Verifier
	decodes       bool // verifier is a claims.Verifier: see verify
	hidesIssuers  bool
	maxTokenBytes int

	challengeStart, challengeEnd string

	bodies map[problem]body // see knownBodies

	resource      string   // Config.Resource
	servers       []string // that the metadata name
	insecureHosts []string // Config.InsecureHTTPHosts

	mu       sync.Mutex      // guards declared, at set-up only
	declared map[string]bool // the scopes that help at a declared route

	errorHandler func(http.ResponseWriter, *http.Request, *Error)
	logger       *slog.Logger
	warnings     warnLimit
}

// New returns a Middleware, or every mistake in the Config at once. It makes no request
// and starts no goroutine: keys are fetched when the first token arrives.
func New(config Config) (*Middleware, error) {
	problems := config.check()
	verifier, errs := config.verifier()
	if problems = append(problems, errs...); len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	_, decodes := verifier.(*claims.Verifier)
	m := &Middleware{
		resource:       config.Resource,
		servers:        config.publishedServers(),
		insecureHosts:  slices.Clone(config.InsecureHTTPHosts),
		verifier:       verifier,
		decodes:        decodes,
		hidesIssuers:   len(config.Issuers) > 1 || config.Verifier != nil,
		maxTokenBytes:  cmp.Or(config.MaxTokenBytes, defaultMaxTokenBytes),
		challengeStart: bearerScheme + " realm=" + quoted(cmp.Or(config.Realm, defaultRealm)),
		errorHandler:   config.ErrorHandler,
		logger:         config.Logger,
	}
	if address := cmp.Or(config.ResourceMetadataURL, metadataURL(config.Resource)); address != "" {
		m.challengeEnd = ", resource_metadata=" + quoted(address)
	}
	m.bodies = m.knownBodies()
	return m, nil
}

// Handler returns a handler that calls next for requests with a valid token, whatever
// its scopes, with the claims in the request's context: see [claims.FromContext]. It
// panics if next is nil.
func (m *Middleware) Handler(next http.Handler) http.Handler {
	return m.Guard().handler(next)
}

// Require returns a middleware that lets requests through that have a valid token and
// the consent of every policy. It panics without policies, because an empty list from a
// configuration would let everybody in; for authentication alone there is
// [Middleware.Handler].
//
// Below a Handler of the same Middleware it does not verify the token a second time.
func (m *Middleware) Require(policies ...Policy) func(http.Handler) http.Handler {
	if len(policies) == 0 {
		panic("middleware: Require needs at least one policy; Handler authenticates only")
	}
	g := m.Guard(policies...)
	return func(next http.Handler) http.Handler { return g.handler(next) }
}

// RequireScopes is Require with [AllScopes]: the token needs every one of the scopes. It
// panics if there is none, or if one does not fit the grammar of RFC 6749 section 3.3.
func (m *Middleware) RequireScopes(scopes ...string) func(http.Handler) http.Handler {
	return m.Require(AllScopes(scopes...))
}

// Optional returns a handler that differs from that of [Middleware.Handler] for requests
// without a bearer token only: it calls next for them, too, and next finds no claims in
// the context. A token that is expired, malformed or otherwise not acceptable is refused
// all the same. It panics if next is nil.
//
// It adds Authorization to the Vary field, so that a cache does not mix up what next
// answers to some and to all (RFC 9110 section 12.5.5).
func (m *Middleware) Optional(next http.Handler) http.Handler {
	guarded := m.GuardOptional().handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Authorization")
		guarded.ServeHTTP(w, r)
	})
}
