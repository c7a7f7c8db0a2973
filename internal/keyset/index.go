package keyset

import (
	"fmt"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
)

// MaxCandidates is how many keys are tried for one token. Each key costs a signature
// check, so a header that fits more keys is refused as ambiguous.
const MaxCandidates = 4

// The errors of a look-up. Both match claims.ErrUnknownKey.
var (
	ErrUnknownKey   = fmt.Errorf("jwks: no key for this alg and kid: %w", claims.ErrUnknownKey)
	errAmbiguousKey = fmt.Errorf("jwks: more than %d keys for this alg and kid: %w", MaxCandidates, claims.ErrUnknownKey)
)

// A Header is the part of a JOSE header that chooses keys.
type Header struct{ Algorithm, KeyID string }

// An Index finds the keys that fit a token's header. The zero Index is empty. It is safe
// for concurrent use once all keys are added.
type Index struct {
	keys      map[Header][]claims.Key
	hasKeyIDs bool
}

// Add files a key under its kid, and under its alg for tokens without a kid. A key without
// a kid is filed under its alg only.
func (x *Index) Add(alg, kid string, key claims.Key) {
	x.append(Header{Algorithm: alg}, key)
	if kid != "" {
		x.append(Header{Algorithm: alg, KeyID: kid}, key)
		x.hasKeyIDs = true
	}
}

// append clips the slice, so that a caller who appends to a result cannot change what
// other callers get. It keeps one key more than the limit, which marks the header as
// ambiguous.
func (x *Index) append(h Header, key claims.Key) {
	if x.keys == nil {
		x.keys = make(map[Header][]claims.Key)
	}
	if keys := x.keys[h]; len(keys) <= MaxCandidates {
		x.keys[h] = slices.Clip(append(keys, key))
	}
}

// Candidates returns the keys for a header, and nil without an error if no key fits. In a
// set without any kid, every key of the alg is a candidate, whatever kid the token names.
// The error matches claims.ErrUnknownKey: more than MaxCandidates keys fit.
func (x *Index) Candidates(alg, kid string) ([]claims.Key, error) {
	if !x.hasKeyIDs {
		kid = ""
	}
	keys := x.keys[Header{Algorithm: alg, KeyID: kid}]
	if len(keys) > MaxCandidates {
		return nil, errAmbiguousKey
	}
	return keys, nil
}

// Find is like Candidates, for a set that never changes: it returns ErrUnknownKey if no
// key fits.
func (x *Index) Find(alg, kid string) ([]claims.Key, error) {
	keys, err := x.Candidates(alg, kid)
	if err == nil && len(keys) == 0 {
		err = ErrUnknownKey
	}
	return keys, err
}

// Ambiguous returns an error for each header that fits too many keys. In a fetched document
// such keys are tolerated; in a list that was written by hand they are a mistake.
func (x *Index) Ambiguous(headers []Header) []error {
	var problems []error
	for i, h := range headers {
		if _, err := x.Candidates(h.Algorithm, h.KeyID); err != nil && !slices.Contains(headers[:i], h) {
			problems = append(problems, fmt.Errorf("jwks: more than %d keys for alg %q and kid %q",
				MaxCandidates, h.Algorithm, h.KeyID))
		}
	}
	return problems
}

// KeyIDs returns the kids of all keys, sorted.
func (x *Index) KeyIDs() []string {
	var kids []string
	for header := range x.keys {
		if header.KeyID != "" {
			kids = append(kids, header.KeyID)
		}
	}
	slices.Sort(kids)
	return slices.Compact(kids)
}
