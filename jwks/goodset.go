package jwks

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/internal/fetch"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// A goodSet is a key set with a usable key, or a SPIFFE bundle, and what the next fetch must know
// about it.
type goodSet struct {
	keys         *keyset.Set
	began        time.Time // when its fetch began: its age counts from here
	delivered    time.Time // when the fetch began that last delivered the document
	fresh        time.Duration
	seeded       bool              // a Seed, which is never fresh; there is no url
	digest       [sha256.Size]byte // of the document
	document     []byte            // kept only if it is to be stored
	url          string
	validators   fetch.Validators
	cacheControl []string
}

func readKeySet(parse keyset.Parser, prev *goodSet, res *fetch.Response, url string) (*goodSet, error) {
	digest := sha256.Sum256(res.Body)
	keys, err := parseAgain(parse, prev, res.Body, digest)
	if err != nil {
		return nil, err
	}
	return &goodSet{
		keys:         keys,
		digest:       digest,
		url:          url,
		validators:   fetch.NewValidators(res.Header),
		cacheControl: res.Header.Values("Cache-Control"),
	}, nil
}

// parseAgain saves the parsing of a document that has not changed, which costs a signature
// check for each key.
func parseAgain(parse keyset.Parser, prev *goodSet, document []byte, digest [sha256.Size]byte) (*keyset.Set, error) {
	switch {
	case prev == nil:
		return parse(document, nil)
	case prev.digest == digest:
		return prev.keys, nil
	}
	return parse(document, prev.keys)
}

// newSeed returns the set of a Seed that was fetched at a time. It is never fresh: the
// issuer can have changed its keys while no process ran.
func newSeed(parse keyset.Parser, document []byte, fetched time.Time) (*goodSet, error) {
	keys, err := parse(document, nil)
	if err != nil {
		return nil, fmt.Errorf("jwks: Config.Seed is ignored: %w", err)
	}
	return &goodSet{keys: keys, digest: sha256.Sum256(document), began: fetched, seeded: true}, nil
}

// confirmed returns g with the header fields of the 304 that confirmed it (RFC 9110 section
// 15.4.5).
func (g *goodSet) confirmed(h http.Header) *goodSet {
	next := *g
	if v := fetch.NewValidators(h); v.HasETag() {
		next.validators = v
	}
	if values := h.Values("Cache-Control"); len(values) > 0 {
		next.cacheControl = values
	}
	return &next
}

// freshness returns the header fields that decide it: the latest Cache-Control, and the Age
// of this answer.
func (g *goodSet) freshness(h http.Header) http.Header {
	return http.Header{"Cache-Control": g.cacheControl, "Age": h.Values("Age")}
}
