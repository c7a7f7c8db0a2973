package jwks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// An attempt is what one fetch has to do. It holds all that it needs, so that nothing
// is shared while it runs.
type attempt struct {
	prev     *goodSet // the latest good set; may be nil
	known    location // zero if discovery has not succeeded yet
	relocate bool     // read discovery although the location is known
	noCache  bool     // the whole document, from the issuer itself
	retries  int      // left
}

// An outcome is what an attempt came to.
type outcome struct {
	good     *goodSet // nil if err is not
	document []byte   // what good was read from; nil if the set was only confirmed
	location location // zero if it could not be learned
	err      error
	warning  error // discovery could not be read again; the known location was used
}

// A goodSet is the latest set with a usable key, and what the next fetch has to know
// about it.
type goodSet struct {
	keys         *keySet
	digest       [sha256.Size]byte // of the document
	began        time.Time         // when the fetch of it began: its age counts from here
	fresh        time.Duration
	seeded       bool // a Seed: began is the time of New; there is no url
	url          string
	validators   validators
	cacheControl []string
}

// run fetches the key set once, with the retries and the discovery that a says.
func (s *source) run(ctx context.Context, a attempt, plan schedule) outcome {
	began := time.Now()
	var out outcome
	out.location, out.warning, out.err = s.locate(ctx, &a)
	if out.err != nil {
		return out
	}
	res, err := s.persist(ctx, a.keysRequest(out.location.url), &a.retries)
	if err != nil {
		out.err = err
		return out
	}
	if res.notModified {
		out.good = a.prev.confirmed(res.header)
	} else {
		out.document = res.body
		out.good, out.err = readKeySet(a.prev, res, out.location.url)
	}
	if out.err == nil {
		out.good.began = began
		out.good.fresh = plan.freshness(out.good.freshness(res.header), rand.Float64())
	}
	return out
}

// locate returns where the key set is. If discovery is only to be read again and
// cannot be, the location that is known still holds.
func (s *source) locate(ctx context.Context, a *attempt) (l location, warning, err error) {
	if a.known.url == "" {
		l, err = s.discover(ctx, &a.retries)
		return l, nil, err
	}
	if !a.relocate {
		return a.known, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, rediscoveryTimeout)
	defer cancel()
	noRetry := 0
	if l, warning = s.discover(ctx, &noRetry); warning != nil {
		l = a.known
	}
	return l, warning, nil
}

// keysRequest is conditional unless the point is to get past every cache: a validator
// that does not change with the keys would hide a new one for good.
func (a attempt) keysRequest(url string) request {
	r := request{what: "key set", url: url, accept: acceptKeySet, noCache: a.noCache}
	if a.prev != nil && a.prev.url == url && !a.noCache {
		r.validators = a.prev.validators
	}
	return r
}

func readKeySet(prev *goodSet, res *response, url string) (*goodSet, error) {
	var known *keySet
	if prev != nil {
		known = prev.keys
	}
	keys, err := parseKeySet(res.body, known)
	if err != nil {
		return nil, explain(err, keys)
	}
	return &goodSet{
		keys:         keys,
		digest:       sha256.Sum256(res.body),
		url:          url,
		validators:   newValidators(res.header),
		cacheControl: res.header.Values("Cache-Control"),
	}, nil
}

// explain adds why the keys of a set without a usable one were skipped.
func explain(err error, keys *keySet) error {
	if errors.Is(err, errNoUsableKey) {
		return fmt.Errorf("%w%s", err, describe(keys.skipped()))
	}
	return err
}

// sameDocument reports whether g and other, which may be nil, were read from the same
// bytes.
func (g *goodSet) sameDocument(other *goodSet) bool {
	return other != nil && g.digest == other.digest
}

// confirmed is the set that a 304 is about, with what the 304 says of it (RFC 9110
// section 15.4.5).
func (g *goodSet) confirmed(h http.Header) *goodSet {
	next := *g
	if v := newValidators(h); v.etag != "" {
		next.validators = v
	}
	if values := h.Values("Cache-Control"); len(values) > 0 {
		next.cacheControl = values
	}
	return &next
}

// freshness returns the headers that decide it: the latest Cache-Control, and the Age
// of this answer.
func (g *goodSet) freshness(h http.Header) http.Header {
	return http.Header{"Cache-Control": g.cacheControl, "Age": h.Values("Age")}
}

// newSeed returns the set of a Seed. Nothing says how old it is, so it is never fresh.
func newSeed(document []byte, now time.Time) (*goodSet, error) {
	keys, err := parseKeySet(bytes.Clone(document), nil)
	if err != nil {
		return nil, fmt.Errorf("jwks: Config.Seed is ignored: %w", explain(err, keys))
	}
	return &goodSet{keys: keys, digest: sha256.Sum256(document), began: now, seeded: true}, nil
}
