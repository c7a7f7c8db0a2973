package keyset

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
)

// ErrNoUsableKey says that a document is a JWK Set, but that every key in it was skipped.
var ErrNoUsableKey = errors.New("jwks: key set has no usable key")

// A Set is an immutable, checked JWK Set. A nil *Set is an empty set. Its methods are safe
// for concurrent use.
type Set struct {
	index   Index
	entries []*entry // in document order, without duplicates
	skips   skipped
}

// A Parser reads a document: Parse or ParseBundle.
type Parser func(document []byte, prev *Set) (*Set, error)

// Parse reads a JWK Set (RFC 7517 section 5). A key that prev has as well, with the same
// material, kid, alg, use and key_ops, keeps its identity: it is the same claims.Key value.
// prev can be nil.
//
// The error matches ErrNoUsableKey if the document is a JWK Set without a usable key; it
// then names the reasons, and the set is returned too. Any other error means that the
// document is not a JWK Set or is over a limit; the set is nil then.
func Parse(document []byte, prev *Set) (*Set, error) {
	set, err := rules{lenient: true}.parse(document, prev)
	if err == nil {
		err = set.RequireKey()
	}
	return set, err
}

// ParseBundle is like Parse, for a SPIFFE bundle. Only its keys with the use jwt-svid are
// used, and each needs a kid (JWT-SVID sections 6.1 and 6.2). A bundle without a usable key is
// no error: it says that all keys were revoked (SPIFFE Trust Domain and Bundle section 4.1.3).
func ParseBundle(document []byte, prev *Set) (*Set, error) {
	return rules{lenient: true, bundle: true}.parse(document, prev)
}

func (r rules) parse(document []byte, prev *Set) (*Set, error) {
	values, err := splitDocument(document)
	if err != nil {
		return nil, err
	}
	known := prev.identities()
	var entries []*entry
	var skips skipped
	for _, value := range values {
		kid, e, err := r.readEntry(value, known)
		if err != nil {
			skips.add(kid, err)
			continue
		}
		entries = append(entries, e)
	}
	set := newSet(entries)
	set.skips = skips.less(set.KeyIDs())
	return set, nil
}

// RequireKey returns an error that matches ErrNoUsableKey and names the reasons if no key is
// usable.
func (s *Set) RequireKey() error {
	if s.Len() > 0 {
		return nil
	}
	return fmt.Errorf("%w%s", ErrNoUsableKey, describe(s.Skipped()))
}

// newSet indexes entries. It merges identical ones: a key that is published twice is one
// candidate.
func newSet(entries []*entry) *Set {
	set := &Set{}
	seen := make(map[identity]bool, len(entries))
	for _, e := range entries {
		if seen[e.id] {
			continue
		}
		seen[e.id] = true
		set.entries = append(set.entries, e)
		for _, k := range e.keys {
			set.index.Add(k.alg, e.id.kid, k.key)
		}
	}
	return set
}

// Candidates is Index.Candidates for the keys of the set. Its error also matches
// claims.ErrUnusableKey: no key fits, and only skipped signing keys have this kid.
//
// If no usable key has a kid, all of them serve every kid, also the kid of a skipped key. The
// kid is no proof that the skipped key made the signature, so a token that was accepted before the
// issuer published such a key still is. The error then says that no usable key has the alg.
func (s *Set) Candidates(alg, kid string) ([]claims.Key, error) {
	if s == nil {
		return nil, nil
	}
	keys, err := s.index.Candidates(alg, kid)
	if err == nil && len(keys) == 0 && Supported(alg) {
		err = s.skips.unusable[kid]
	}
	return keys, err
}

// Find is like Candidates, for a set that never changes: it returns ErrUnknownKey if no key
// fits.
func (s *Set) Find(alg, kid string) ([]claims.Key, error) {
	keys, err := s.Candidates(alg, kid)
	if err == nil && len(keys) == 0 {
		err = ErrUnknownKey
	}
	return keys, err
}

// Without returns the set less the keys of this material. The other keys keep their
// identity. The set still counts as one with kids, so that a key without a kid does not
// start to serve the tokens of a key that was taken out.
func (s *Set) Without(material map[Thumbprint]struct{}) *Set {
	listed := func(e *entry) bool {
		_, ok := material[e.id.material]
		return ok
	}
	if s == nil || !slices.ContainsFunc(s.entries, listed) {
		return s
	}
	rest := newSet(slices.DeleteFunc(slices.Clone(s.entries), listed))
	rest.skips = s.skips
	rest.index.hasKeyIDs = s.index.hasKeyIDs
	return rest
}

// Materials returns kid and material of each usable key, in document order.
func (s *Set) Materials() iter.Seq2[string, Thumbprint] {
	return func(yield func(string, Thumbprint) bool) {
		if s == nil {
			return
		}
		for _, e := range s.entries {
			if !yield(e.id.kid, e.id.material) {
				return
			}
		}
	}
}

// KeyIDs returns the kids of the usable keys, each once, in document order. They are as the
// issuer wrote them, not made safe for logs.
func (s *Set) KeyIDs() []string {
	var kids []string
	for kid := range s.Materials() {
		if kid != "" && !slices.Contains(kids, kid) {
			kids = append(kids, kid)
		}
	}
	return kids
}

// Beyond returns the kids of the keys that other lacks. New material under an old kid is a
// new key.
func (s *Set) Beyond(other *Set) []string {
	if s == nil {
		return nil
	}
	known := other.identities()
	var kids []string
	for _, e := range s.entries {
		if _, ok := known[e.id]; !ok {
			kids = append(kids, e.id.kid)
		}
	}
	return kids
}

// Len returns how many usable keys there are.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.entries)
}

// Skipped returns the keys that are not used, in document order.
func (s *Set) Skipped() []Skip {
	if s == nil {
		return nil
	}
	return slices.Clone(s.skips.list)
}

// SkipText lists the first reasons why keys are not used; it is empty if there are none.
func (s *Set) SkipText() string {
	return strings.TrimPrefix(describe(s.Skipped()), ": ")
}

func (s *Set) identities() map[identity]*entry {
	if s == nil {
		return nil
	}
	known := make(map[identity]*entry, len(s.entries))
	for _, e := range s.entries {
		known[e.id] = e
	}
	return known
}
