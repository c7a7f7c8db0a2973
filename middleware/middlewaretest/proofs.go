package middlewaretest

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// origin is where clients reach all routes.
const origin = "https://api.example.test"

const (
	invalidProof = "invalid_dpop_proof"
	useNonce     = "use_dpop_nonce"
)

// A prover makes the DPoP proofs of a client. Its clock is the server's, and stands still: the
// suite may take longer than a proof is accepted.
type prover struct {
	key   jwkstest.Key
	now   time.Time
	nonce string // will be refused soon
}

func newProver() *prover {
	return &prover{key: jwkstest.NewKey("ES256"), now: time.Now()}
}

// config returns what accepts the proofs, or nil for no prover.
func (p *prover) config() *dpop.Config {
	if p == nil {
		return nil
	}
	return &dpop.Config{
		Origins: []string{origin},
		Replays: &usedProofs{ids: make(map[[32]byte]bool)},
		Nonces:  &dpop.Nonces{Secrets: [][]byte{[]byte("a secret of the conformance suite")}},
		Now:     func() time.Time { return p.now },
	}
}

// collectNonce asks for a nonce a minute before the time of all other requests.
func (p *prover) collectNonce(b *bench) {
	p.now = p.now.Add(-time.Minute)
	route := b.routes()[0]
	token := b.tokens.token(nil)
	old := fields{authorization: []string{"DPoP " + token}, dpop: []string{p.proof(route, token, claim("iat", 1))}}
	p.nonce = send(b.plain(route), route, old).Header.Get("DPoP-Nonce")
	p.now = p.now.Add(time.Minute)
	b.log.take()
}

// proof returns a new proof for the route and the token, with changes.
func (p *prover) proof(route Route, token string, changes map[string]any) string {
	all := claim("iat", p.now.Unix())
	maps.Copy(all, changes)
	return jwkstest.Proof(p.key, route.Method, origin+route.Path, token, all)
}

// fields returns the fields of a new request. With tokens that are bound, each request that has
// an Authorization field has a new proof for its token, unless the case has other ones.
func (b *bench) fields(route Route, c testCase) fields {
	f := fields{authorization: c.authorization}
	switch {
	case b.prover == nil || len(c.authorization) == 0:
	case c.dpop != nil:
		f.dpop = c.dpop(b.prover, route)
	default:
		_, token, _ := strings.Cut(c.authorization[0], " ")
		f.dpop = []string{b.prover.proof(route, strings.TrimLeft(token, " "), nil)}
	}
	return f
}

// proofs returns the values of the DPoP fields of a request to the route.
type proofs = func(p *prover, route Route) []string

func noProof(*prover, Route) []string { return nil }

func oneProof(token string, changes map[string]any) proofs {
	return func(p *prover, route Route) []string { return []string{p.proof(route, token, changes)} }
}

// badProofs returns requests with a good token that every route refuses for their proofs.
func badProofs(t tokens) []testCase {
	token := t.token(nil)
	two := func(p *prover, route Route) []string {
		return []string{p.proof(route, token, nil), p.proof(route, token, nil)}
	}
	list := func(p *prover, route Route) []string { return []string{strings.Join(two(p, route), ", ")} }
	anotherKey := func(p *prover, route Route) []string {
		other := &prover{key: jwkstest.NewKey("ES256"), now: p.now}
		return []string{other.proof(route, token, nil)}
	}
	anotherHost := func(p *prover, route Route) []string {
		return []string{p.proof(route, token, claim("htu", "https://other.example.test"+route.Path))}
	}
	cases := []testCase{
		unproved(invalidProof, noProof).with("no proof", "DPoP "+token),
		unproved(invalidProof, oneProof(token, nil)).with("proof that was used before", "DPoP "+token),
		unproved(invalidProof, two).with("two proofs", "DPoP "+token),
		unproved(invalidProof, list).with("two proofs in one field", "DPoP "+token),
		unproved(invalidProof, oneProof(token, claim("htm", "DELETE"))).with("proof for another method", "DPoP "+token),
		unproved(invalidProof, oneProof(token, claim("htu", origin+"/other"))).with("proof for another target", "DPoP "+token),
		unproved(invalidProof, anotherHost).with("proof for another host", "DPoP "+token),
		unproved(invalidProof, oneProof("another", nil)).with("proof for another token", "DPoP "+token),
		unproved(invalidToken, anotherKey).with("proof by another key", "DPoP "+token),
		unproved(useNonce, oneProof(token, claim("iat", 1))).with("proof that is too old", "DPoP "+token),
	}
	cases[0].everyMethod = true
	cases[1].everyMethod, cases[1].replayed = true, true
	return cases
}

// badBindings returns requests whose token does not fit its scheme.
func badBindings(t tokens) []testCase {
	token, unbound := t.token(nil), t.issuer.Token(nil)
	return []testCase{
		unproved(invalidToken, oneProof(token, nil)).with("bound token under Bearer", "Bearer "+token),
		unproved(invalidToken, noProof).with("bound token under Bearer without a proof", "Bearer "+token),
		unproved(invalidToken, oneProof(unbound, nil)).with("unbound token under DPoP", "DPoP "+unbound),
	}
}

// unproved returns a case for a 401 with this error code.
func unproved(code string, dpop proofs) testCase {
	return testCase{status: http.StatusUnauthorized, code: code, dpop: dpop}
}

// goodProofs returns requests that a route which demands only a token lets through.
func goodProofs(t tokens) []testCase {
	token, unbound := t.token(claim("sub", "alice")), t.issuer.Token(claim("sub", "alice"))
	aging := granted("subject alice").with("nonce that will be refused soon", "DPoP "+token)
	aging.dpop = func(p *prover, route Route) []string {
		return []string{p.proof(route, token, map[string]any{"nonce": p.nonce, "iat": 1})}
	}
	plain := granted("subject alice").with("bearer token that is not bound", "Bearer "+unbound)
	plain.dpop = noProof
	return []testCase{aging, plain}
}

// usedProofs remembers all proofs.
type usedProofs struct {
	mu  sync.Mutex // guards ids
	ids map[[32]byte]bool
}

// Use implements [dpop.ReplayStore].
func (u *usedProofs) Use(_ context.Context, _, id [32]byte, _ time.Time) (bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	used := u.ids[id]
	u.ids[id] = true
	return !used, nil
}
