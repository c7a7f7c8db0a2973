package middlewaretest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A bench is a Middleware, the requests for it, and a log of what happens.
type bench struct {
	auth   *middleware.Middleware
	log    callLog
	tokens tokens
	prover *prover // nil for bearer tokens
	bad    []testCase
	good   map[string][]testCase
}

// newBench returns a bench with a new issuer, for bearer tokens.
func newBench(errorHandler errorHandler) *bench {
	return makeBench(tokens{issuer: jwkstest.NewIssuer(jwkstest.Config{}), scheme: "Bearer"}, nil, errorHandler)
}

// newDPoPBench returns a bench whose tokens are bound to a key, for the scheme DPoP.
func newDPoPBench(errorHandler errorHandler) *bench {
	p := newProver()
	b := makeBench(
		tokens{issuer: jwkstest.NewIssuer(jwkstest.Config{}), scheme: "DPoP", thumbprint: p.key.Thumbprint()},
		p, errorHandler)
	b.bad = slices.Concat(b.bad, badProofs(b.tokens), badBindings(b.tokens))
	b.good[authenticated] = append(b.good[authenticated], goodProofs(b.tokens)...)
	p.collectNonce(b)
	return b
}

type errorHandler = func(http.ResponseWriter, *http.Request, *middleware.Error)

// makeBench panics only if this package is wrong.
func makeBench(t tokens, p *prover, errorHandler errorHandler) *bench {
	b := &bench{tokens: t, prover: p, bad: slices.Concat(badTokens(t), badOpaqueTokens(t)), good: goodTokens(t)}
	for name, cases := range goodOpaqueTokens(t) {
		b.good[name] = append(b.good[name], cases...)
	}
	issuer := t.issuer
	static, err := jwks.NewStatic(issuer.Document())
	if err != nil {
		panic(fmt.Sprintf("middlewaretest: %v", err))
	}
	b.auth, err = middleware.New(middleware.Config{
		Issuers: []claims.Issuer{{
			URL:       issuer.URL(),
			Audiences: []string{jwkstest.Audience},
			Keys:      keys{static},
			Opaque:    endpoint{},
			Validate:  b.validate,
		}},
		Realm:               `the "conformance" suite`,
		ResourceMetadataURL: "https://api.example.test/.well-known/oauth-protected-resource",
		Logger:              slog.New(slog.DiscardHandler),
		ErrorHandler:        errorHandler,
		DPoP:                p.config(),
		Observe:             b.log.observe,
	})
	if err != nil {
		panic(fmt.Sprintf("middlewaretest: %v", err))
	}
	return b
}

// validate counts how often a token is verified, because it is called for remembered tokens,
// too. A claim of the token tells what it decides.
func (b *bench) validate(_ context.Context, c *claims.Claims) error {
	b.log.verify()
	var decision struct {
		Hook string `json:"hook"`
	}
	if err := c.Decode(&decision); err != nil {
		return err
	}
	return decisions[decision.Hook]
}

// decisions has no error for "", which is the decision for a token without the claim.
var decisions = map[string]error{
	"revoked":     claims.ErrRevoked,
	"forbidden":   fmt.Errorf("this text is never sent: %w", claims.ErrForbidden),
	"unavailable": fmt.Errorf("this text is never sent: %w", claims.ErrUnavailable),
	"own error":   errors.New("this text is never sent"),
	"timeout":     context.DeadlineExceeded,
}

// unreachable is the kid of a key that cannot be fetched.
const unreachable = "unreachable"

type keys struct{ claims.KeySet }

// Keys is that of the embedded set, except for the kid unreachable.
func (k keys) Keys(ctx context.Context, alg, kid string) ([]claims.Key, error) {
	if kid == unreachable {
		return nil, &claims.UnavailableError{RetryAfter: 7 * time.Second, Err: errors.New("this text is never sent")}
	}
	return k.KeySet.Keys(ctx, alg, kid)
}

// plain returns the route as declared with net/http. Every adapter is compared with it.
func (b *bench) plain(route Route) http.Handler {
	var h http.Handler = route
	for n := len(route.Layers) - 1; n >= 0; n-- {
		switch layer := route.Layers[n]; {
		case layer.Optional:
			h = b.auth.Optional(h)
		case len(layer.Policies) == 0:
			h = b.auth.Handler(h)
		default:
			h = b.auth.Require(layer.Policies...)(h)
		}
	}
	return h
}
