package main

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

const pause = 40 * time.Millisecond // of each client, between two requests

// A kind of request is sent as often as its weight says, out of the sum of all weights.
type kind struct {
	name   string
	weight int
	method string
	token  func(c *caller) string
}

// usual are the requests of an ordinary day. GET needs the scope read:timesheets, and POST
// needs write:timesheets.
var usual = []kind{
	{"the token of before", 50, http.MethodGet, func(c *caller) string { return c.token }},
	{"a new token", 12, http.MethodGet, claiming("jti", "new")},
	{"an upload", 6, http.MethodPost, claiming("sub", "uploader")},
	{"no token", 8, http.MethodGet, func(*caller) string { return "" }},
	{"expired", 5, http.MethodGet, claiming("exp", time.Now().Add(-time.Hour).Unix())},
	{"another API's", 4, http.MethodGet, claiming("aud", "https://payroll.example.com")},
	{"another issuer's", 3, http.MethodGet, claiming("iss", "https://elsewhere.example/")},
	{"forged", 4, http.MethodGet, func(c *caller) string { return jwkstest.TamperSignature(c.w.token(nil)) }},
	{"not a token", 3, http.MethodGet, func(*caller) string { return "c2VjcmV0" }},
	{"unknown to the issuer", 3, http.MethodGet, func(*caller) string { return opaquePrefix + rand.Text() }},
	{"too few scopes", 5, http.MethodPost, claiming("scope", "read:timesheets")},
}

// flood is what a stranger sends who makes up keys.
var flood = []kind{{"a made-up key", 1, http.MethodGet, func(c *caller) string {
	k := stranger
	k.ID = rand.Text()
	return c.w.token(nil, jwkstest.SignedBy(k))
}}}

// stranger is a key that is never published.
var stranger = jwkstest.NewKey("ES256")

func claiming(name string, value any) func(*caller) string {
	return func(c *caller) string { return c.w.token(map[string]any{name: value}) }
}

// A caller sends requests in a loop. It uses one token for a while and then gets another one.
type caller struct {
	w      *world
	kinds  []kind
	random *mathrand.Rand
	token  string
	until  time.Time
}

// employ starts callers that send requests of these kinds until ctx is done.
func (w *world) employ(ctx context.Context, n int, kinds []kind) (wait func()) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			c := &caller{w: w, kinds: kinds, random: mathrand.New(mathrand.NewPCG(uint64(i), 0))}
			tick := time.NewTicker(pause)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					c.call(context.WithoutCancel(ctx)) // each answer is counted
				}
			}
		})
	}
	return group.Wait
}

func (c *caller) call(ctx context.Context) {
	if now := time.Now(); now.After(c.until) {
		c.token, c.until = c.w.token(nil), now.Add(3*c.w.refresh)
	}
	k := c.choose()
	token := k.token(c)
	status, err := c.w.send(ctx, k.method, token)
	c.w.tally.add(status, token != "", err)
}

func (c *caller) choose() kind {
	sum := 0
	for _, k := range c.kinds {
		sum += k.weight
	}
	n := c.random.IntN(sum)
	for _, k := range c.kinds {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	panic("the weights are not those of before")
}
