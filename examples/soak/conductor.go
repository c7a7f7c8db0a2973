package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// newKeyWithin bounds the time until a new key is accepted. That is 10 s in spite of a
// flood of unknown keys, and 5 s for a fetch that began in the outage before.
const newKeyWithin = 15 * time.Second

// A signer is a key with a good token that many requests share.
type signer struct {
	key    jwkstest.Key
	pooled string // the token
}

// A keyring has the keys whose answers can be predicted. It is immutable.
type keyring struct {
	known   []signer // the API has accepted them and must continue to; at least one
	fresh   []signer // published, but the API may not know them yet; at most one
	retired []signer // the API has refused them and must continue to; the latest few
}

func (k *keyring) knows(kid string) bool {
	return slices.ContainsFunc(k.known, func(s signer) bool { return s.key.ID == kid })
}

// A conductor changes the issuer step by step. Only the conductor replaces the keyring.
type conductor struct {
	w                           *world
	rotations, retired, outages int
	troubled                    time.Duration // in outages, until the key of each was accepted
}

// faults are the kinds of outage. The conductor goes through them in turn.
var faults = []struct {
	name  string
	fault jwkstest.Fault
}{
	{"connections are reset", jwkstest.Reset()},
	{"500", jwkstest.Respond(http.StatusInternalServerError, nil, "")},
	{"no answer", jwkstest.Hang()},
	{"half an answer", jwkstest.Truncate()},
	{"no keys", jwkstest.Respond(http.StatusOK, nil, `{"keys":[]}`)},
	{"a page of HTML", jwkstest.Respond(http.StatusOK, nil, "<html>")},
}

// begin waits until the API has accepted the first key, and reports whether it did.
func (c *conductor) begin() bool {
	s := c.w.newSigner(c.w.issuer.SigningKey())
	c.w.keys.Store(&keyring{fresh: []signer{s}})
	return c.accept("the first key", s)
}

// conduct changes the issuer until ctx is done. At the end the issuer has no fault.
func (c *conductor) conduct(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		c.accept("a new key", c.rotate())
		c.retire()
		// A key set leaves the window of stale-while-revalidate after four times the
		// refresh age. Every other outage is longer than that.
		c.breakDown(ctx, n, c.w.refresh*time.Duration(2+3*(n%2)))
	}
}

// rotate publishes a new key, which signs all later tokens.
func (c *conductor) rotate() signer {
	c.rotations++
	s := c.w.newSigner(c.w.issuer.Rotate())
	ring := *c.w.keys.Load()
	ring.fresh = []signer{s}
	c.w.keys.Store(&ring)
	return s
}

// accept waits until the API has accepted the key. From then on the API must accept it.
func (c *conductor) accept(what string, s signer) bool {
	if !c.until(http.StatusOK, newKeyWithin, s) {
		c.w.tally.violate(fmt.Sprintf("%s was not accepted within %v", what, newKeyWithin))
		return false
	}
	ring := *c.w.keys.Load()
	ring.known = append(slices.Clone(ring.known), s)
	ring.fresh = nil
	c.w.keys.Store(&ring)
	return true
}

// retire removes all known keys except the latest, and waits until the API has refused
// each of them. From then on the API must refuse them.
func (c *conductor) retire() {
	within := 4*c.w.refresh + 3*time.Second // the window, and time for a busy machine
	for len(c.w.keys.Load().known) > 1 {
		ring := *c.w.keys.Load()
		old := ring.known[0]
		ring.known = ring.known[1:]
		c.w.keys.Store(&ring) // first, because the workers expect known keys to be accepted
		c.w.issuer.Retire(old.key.ID)
		c.retired++
		if !c.until(http.StatusUnauthorized, within, old) {
			c.w.tally.violate(fmt.Sprintf("a retired key was not refused within %v", within))
			continue
		}
		refused := ring // a copy, because the workers read ring
		refused.retired = append(slices.Clone(ring.retired[max(0, len(ring.retired)-3):]), old)
		c.w.keys.Store(&refused)
	}
}

// breakDown makes an outage of this length, in which the issuer rotates its key.
func (c *conductor) breakDown(ctx context.Context, n int, length time.Duration) {
	c.outages++
	start := time.Now()
	for _, endpoint := range []jwkstest.Endpoint{jwkstest.JWKS, jwkstest.Discovery, jwkstest.Metadata} {
		c.w.issuer.Fail(endpoint, faults[n%len(faults)].fault)
	}
	s := c.rotate()
	select {
	case <-ctx.Done():
	case <-time.After(length):
	}
	c.w.issuer.Recover()
	c.accept("the new key of an outage: "+faults[n%len(faults)].name, s)
	c.troubled += time.Since(start)
}

// until reports whether the signer's pooled token gets this status in time. Until then,
// every status is right that a key may get while it becomes known or unknown.
func (c *conductor) until(status int, within time.Duration, s signer) bool {
	for start := time.Now(); time.Since(start) < within; time.Sleep(20 * time.Millisecond) {
		got, _, err := c.w.call(context.Background(), http.MethodGet, "Bearer "+s.pooled)
		switch {
		case err != nil:
			c.w.tally.violate("no answer: " + err.Error())
		case got == status:
			return true
		case !undecided(got) && got != http.StatusOK:
			c.w.tally.violate(fmt.Sprintf("a key that was just published or retired was answered with %d", got))
		}
	}
	return false
}

// undecided reports whether a good token of an unknown key may get this status.
func undecided(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusServiceUnavailable
}

func (w *world) newSigner(k jwkstest.Key) signer { return signer{k, w.token(k, nil)} }

// token returns a good token for both routes, with some claims changed.
func (w *world) token(k jwkstest.Key, changes map[string]any, options ...jwkstest.Option) string {
	payload := map[string]any{"sub": subject, "scope": readScope + " " + writeScope}
	maps.Copy(payload, changes)
	return w.issuer.Token(payload, append([]jwkstest.Option{jwkstest.SignedBy(k)}, options...)...)
}
