package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

// The columns of the growth tables.
const (
	noCacheColumn = "no cache"
	uniformColumn = "10,000 entries, uniform"
	zipfColumn    = "10,000 entries, Zipf"
	roomyColumn   = "room for all, uniform"
	cachedColumn  = "seen before"

	someEntries = 10_000 // which is the default, too
	noEntries   = -1
)

// A grower measures how a request's cost grows. The rounds of a row follow each other: what
// it needs may be gigabytes, and is gone before the next.
type grower struct {
	plan   plan
	rounds []round
}

func measureGrowth(ctx context.Context, p plan) ([]round, error) {
	g := &grower{plan: p, rounds: make([]round, 2*p.Rounds)}
	for _, step := range []func(context.Context) error{g.scopes, g.keys, g.issuers, g.memory, g.stores, g.tokens} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return g.rounds, nil
}

func (g *grower) measure(ctx context.Context, rows ...*row) error {
	for n := range g.rounds {
		samples, err := contest(rows).round(ctx, g.plan, n)
		if err != nil {
			return err
		}
		g.rounds[n] = append(g.rounds[n], samples...)
	}
	return nil
}

// A walk makes requests with the tokens of a pool in an order that goes on for ever.
type walk struct {
	client   *contender.Client
	handler  http.Handler
	pool     *pool
	order    []uint32
	position int
	requests int64
	verified *atomic.Int64 // signatures; nil if nobody counts
}

func newWalk(ctx context.Context, handler http.Handler, pool *pool, order []uint32) *walk {
	return &walk{client: contender.NewClient(ctx, handler), handler: handler, pool: pool, order: order}
}

func (w *walk) next() int {
	w.client.Authorize(w.pool.at(int(w.order[w.position])))
	if w.position++; w.position == len(w.order) {
		w.position = 0
	}
	w.requests++
	return w.client.Do()
}

// visit makes one request with each token, on all cores: the cache holds what it can.
func (w *walk) visit(ctx context.Context) error {
	var wait sync.WaitGroup
	var bad atomic.Int64
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		wait.Go(func() {
			client := contender.NewClient(ctx, w.handler)
			for i := worker; i < w.pool.count && ctx.Err() == nil; i += workers {
				client.Authorize(w.pool.at(i))
				if status := client.Do(); status != http.StatusOK {
					bad.Store(int64(status))
				}
			}
		})
	}
	wait.Wait()
	if ctx.Err() != nil {
		return errCancelled
	}
	return unexpected(int(bad.Load()))
}

// warm goes along the order until so many signatures have been verified.
func (w *walk) warm(ctx context.Context, signatures int) error {
	bad := 0
	for w.verified.Load() < int64(signatures) && ctx.Err() == nil {
		if status := w.next(); status != http.StatusOK {
			bad = status
		}
	}
	return unexpected(bad)
}

// row measures the walk.
func (w *walk) row(s sample) *row {
	return &row{sample: s, do: requests(w.next, http.StatusOK), after: func(s *sample) {
		if w.verified != nil {
			s.Cached = 1 - float64(w.verified.Swap(0))/float64(w.requests)
			w.requests = 0
		}
	}}
}

// room returns a number of entries that holds so many tokens, although the hash spreads
// them unevenly over the parts of the cache.
func room(tokens int) int { return tokens + tokens/4 + 1024 }

// protect returns the application behind the whole middleware.
func protect(config claims.Config, scope string) (http.Handler, error) {
	verifier, err := claims.NewVerifier(config)
	if err != nil {
		return nil, err
	}
	return protectWith(verifier, scope)
}

func protectWith(verifier middleware.Verifier, scope string) (http.Handler, error) {
	auth, err := middleware.New(middleware.Config{Verifier: verifier})
	if err != nil {
		return nil, err
	}
	return auth.RequireScopes(scope)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := claims.FromContext(r.Context()); !ok || c.Subject() != contender.Subject {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})), nil
}

// issuerOf returns the policy for the tokens of these signers, which have kids 0, 1, 2, …
func issuerOf(url string, signers ...ed25519.PrivateKey) (claims.Issuer, error) {
	keys := make([]jwks.PublicKey, len(signers))
	for i, signer := range signers {
		keys[i] = jwks.PublicKey{KeyID: fmt.Sprint(i), Key: signer.Public()}
	}
	set, err := jwks.StaticKeys(keys...)
	return claims.Issuer{URL: url, Audiences: []string{contender.Audience}, Keys: set}, err
}

const issuerURL = "https://issuer.example.com/"

func tenant(i int) string { return fmt.Sprintf("https://tenant-%06d.example.com/", i) }

// uniform returns an order in which all are equally frequent.
func uniform(count int) []uint32 {
	random := rand.New(rand.NewPCG(1, 2))
	return order(func() uint64 { return random.Uint64N(uint64(count)) })
}

// zipfExponent is that of the frequencies of words, and about that of web requests.
const zipfExponent = 1.1

// zipf returns an order in which a few are frequent: the n-th one as 1/n^1.1.
func zipf(count int) []uint32 {
	random := rand.New(rand.NewPCG(1, 2))
	return order(rand.NewZipf(random, zipfExponent, 1, uint64(count-1)).Uint64)
}

func order(draw func() uint64) []uint32 {
	order := make([]uint32, 1<<20)
	for i := range order {
		order[i] = uint32(draw())
	}
	return order
}
