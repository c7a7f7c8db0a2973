package jwks

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/internal/fetch"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// A goodSet is a key set with a usable key, and what the next fetch must know about it.
type goodSet struct {
	keys         *keyset.Set
	digest       [sha256.Size]byte // of the document
	began        time.Time         // when its fetch began: its age counts from here
	fresh        time.Duration
	seeded       bool // a Seed: began is the time of New, and there is no url
	url          string
	validators   fetch.Validators
	cacheControl []string
}

func readKeySet(prev *goodSet, res *fetch.Response, url string) (*goodSet, error) {
	var known *keyset.Set
	if prev != nil {
		known = prev.keys
	}
	keys, err := keyset.Parse(res.Body, known)
	if err != nil {
		return nil, err
	}
	return &goodSet{
		keys:         keys,
		digest:       sha256.Sum256(res.Body),
		url:          url,
		validators:   fetch.NewValidators(res.Header),
		cacheControl: res.Header.Values("Cache-Control"),
	}, nil
}

// newSeed returns the set of a Seed. Its age is not known, so it is never fresh.
func newSeed(document []byte, now time.Time) (*goodSet, error) {
	keys, err := keyset.Parse(bytes.Clone(document), nil)
	if err != nil {
		return nil, fmt.Errorf("jwks: Config.Seed is ignored: %w", err)
	}
	return &goodSet{keys: keys, digest: sha256.Sum256(document), began: now, seeded: true}, nil
}

// sameDocument reports whether g and other were read from the same bytes. other can be nil.
func (g *goodSet) sameDocument(other *goodSet) bool {
	return other != nil && g.digest == other.digest
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
