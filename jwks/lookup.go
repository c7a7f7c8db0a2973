package jwks

import (
	"fmt"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
)

// maxCandidates is how many keys are tried for one token. Each one costs a signature
// check, so a set in which more fit would let every forged token cost that much.
const maxCandidates = 4

var (
	errUnknownKey   = fmt.Errorf("jwks: no key for this alg and kid: %w", claims.ErrUnknownKey)
	errAmbiguousKey = fmt.Errorf("jwks: more than %d keys for this alg and kid: %w", maxCandidates, claims.ErrUnknownKey)
)

// header is the part of a JOSE header that chooses keys.
type header struct{ alg, kid string }

// lookup maps a token's header to the keys that fit it, ready to hand out. The zero
// lookup is empty.
type lookup struct {
	keys      map[header][]claims.Key
	hasKeyIDs bool
}

func (l *lookup) addEntry(e *entry) {
	for _, k := range e.keys {
		l.add(k.alg, e.id.kid, k.key)
	}
}

// add files a key under its kid, and among all keys of its alg for tokens that have no
// kid. A key without kid has only the latter place.
func (l *lookup) add(alg, kid string, key claims.Key) {
	l.append(header{alg: alg}, key)
	if kid != "" {
		l.append(header{alg: alg, kid: kid}, key)
		l.hasKeyIDs = true
	}
}

// append clips, so that a caller's append cannot reach what others are given, and stops
// one past the limit: that there are too many is all that has to be known.
func (l *lookup) append(h header, key claims.Key) {
	if l.keys == nil {
		l.keys = make(map[header][]claims.Key)
	}
	if keys := l.keys[h]; len(keys) <= maxCandidates {
		l.keys[h] = slices.Clip(append(keys, key))
	}
}

// candidates returns nil without an error if no key fits. Where no key has a kid, a
// token's kid says nothing about them: then all that fit its alg are candidates.
func (l *lookup) candidates(alg, kid string) ([]claims.Key, error) {
	if !l.hasKeyIDs {
		kid = ""
	}
	keys := l.keys[header{alg: alg, kid: kid}]
	if len(keys) > maxCandidates {
		return nil, errAmbiguousKey
	}
	return keys, nil
}

// find is candidates for a set that never changes: a key that is not there is unknown.
func (l *lookup) find(alg, kid string) ([]claims.Key, error) {
	keys, err := l.candidates(alg, kid)
	if err == nil && len(keys) == 0 {
		err = errUnknownKey
	}
	return keys, err
}

// ambiguous returns an error for each header whose keys could never be used, because
// too many fit it. A document may hold such keys; who lists keys by hand is better told.
func (l *lookup) ambiguous(headers []header) []error {
	var problems []error
	for i, h := range headers {
		if _, err := l.candidates(h.alg, h.kid); err != nil && !slices.Contains(headers[:i], h) {
			problems = append(problems, fmt.Errorf("jwks: more than %d keys for alg %q and kid %q", maxCandidates, h.alg, h.kid))
		}
	}
	return problems
}
