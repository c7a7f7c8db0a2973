package jwks

import (
	"errors"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
)

// errNoUsableKey says that a document is a key set, but every key in it was skipped.
var errNoUsableKey = errors.New("jwks: key set has no usable key")

// A SkippedKey is a key of a JWK Set that is not used. It does not keep the others of
// the set from being used (RFC 7517 section 5).
type SkippedKey struct {
	// KeyID is the key's kid, made safe for logs: at most 256 bytes, and everything
	// but printable ASCII replaced by "?". It is empty if the key has none, or none
	// that can be read.
	KeyID string
	// Reason says why, in a fixed text without a byte of the document.
	Reason string
}

func newSkippedKey(kid string, reason error) SkippedKey {
	safe := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, kid[:min(len(kid), maxKeyIDBytes)])
	return SkippedKey{KeyID: safe, Reason: reason.Error()}
}

// keySet is an immutable, parsed key set. Its methods treat a nil *keySet as an empty
// set and are safe for concurrent use.
type keySet struct {
	lookup  lookup
	entries []*entry // in document order
	skips   []SkippedKey
}

// parseKeySet reads a JWK Set (RFC 7517 section 5). Keys that also stand in prev, with
// the same material, kid, alg, use and key_ops, keep their identity: they are the very
// same claims.Key values. prev may be nil.
//
// It returns errNoUsableKey together with the set, whose skipped method tells why, if
// the document is a key set without one usable key, and another error without a set if
// it is not a key set or over a limit.
func parseKeySet(doc []byte, prev *keySet) (*keySet, error) {
	values, err := splitKeySet(doc)
	if err != nil {
		return nil, err
	}
	known := prev.identities()
	var entries []*entry
	var skips []SkippedKey
	for _, value := range values {
		kid, e, err := readEntry(value, known)
		if err != nil {
			skips = append(skips, newSkippedKey(kid, err))
			continue
		}
		entries = append(entries, e)
	}
	set := newKeySet(entries)
	set.skips = skips
	if set.size() == 0 {
		return set, errNoUsableKey
	}
	return set, nil
}

// newKeySet indexes entries. Identical ones merge: the same key published twice is one
// candidate.
func newKeySet(entries []*entry) *keySet {
	set := &keySet{}
	seen := make(map[identity]bool, len(entries))
	for _, e := range entries {
		if seen[e.id] {
			continue
		}
		seen[e.id] = true
		set.entries = append(set.entries, e)
		set.lookup.addEntry(e)
	}
	return set
}

// candidates returns the keys for a token's header, nil without an error if there are
// none. The error matches claims.ErrUnknownKey: more keys fit than may be tried.
func (s *keySet) candidates(alg, kid string) ([]claims.Key, error) {
	if s == nil {
		return nil, nil
	}
	return s.lookup.candidates(alg, kid)
}

// without returns the set without the keys of this material. The rest keeps its identity
// and its rules, so a key without kid does not begin to serve the tokens of a withdrawn
// one.
func (s *keySet) without(material map[thumbprint]struct{}) *keySet {
	withdrawn := func(e *entry) bool {
		_, ok := material[e.id.material]
		return ok
	}
	if s == nil || !slices.ContainsFunc(s.entries, withdrawn) {
		return s
	}
	rest := newKeySet(slices.DeleteFunc(slices.Clone(s.entries), withdrawn))
	rest.skips = s.skips
	rest.lookup.hasKeyIDs = s.lookup.hasKeyIDs
	return rest
}

// keyIDs returns the kids of the usable keys, each once, in document order. They are
// as the document has them, not made safe for logs.
func (s *keySet) keyIDs() []string {
	if s == nil {
		return nil
	}
	var kids []string
	for _, e := range s.entries {
		if kid := e.id.kid; kid != "" && !slices.Contains(kids, kid) {
			kids = append(kids, kid)
		}
	}
	return kids
}

// skipped returns the keys that are not used, in document order.
func (s *keySet) skipped() []SkippedKey {
	if s == nil {
		return nil
	}
	return slices.Clone(s.skips)
}

// size returns how many usable keys there are.
func (s *keySet) size() int {
	if s == nil {
		return 0
	}
	return len(s.entries)
}

// headers returns, for each key, the header of a token that it is meant for.
func (s *keySet) headers() []header {
	var headers []header
	for _, e := range s.entries {
		headers = append(headers, header{alg: e.keys[0].alg, kid: e.id.kid})
	}
	return headers
}

func (s *keySet) identities() map[identity]*entry {
	if s == nil {
		return nil
	}
	known := make(map[identity]*entry, len(s.entries))
	for _, e := range s.entries {
		known[e.id] = e
	}
	return known
}
