package keyset

import (
	"crypto"
	"errors"
	"fmt"
)

// A PublicKey is one public key that was configured by hand. Either Key or PEM is set.
type PublicKey struct {
	KeyID, Algorithm string
	Key              crypto.PublicKey
	PEM              []byte
}

// FromPublicKeys returns the set of these keys. Unlike Parse it skips none: each key that
// cannot be used is an error, and so are more than MaxCandidates keys for one header. It
// reports all errors at once.
func FromPublicKeys(keys ...PublicKey) (*Set, error) {
	var entries []*entry
	var problems []error
	for i, key := range keys {
		e, err := recovered(key.entry)
		if err != nil {
			problems = append(problems, fmt.Errorf("jwks: PublicKey %d (KeyID %q, Algorithm %q): %w",
				i, key.KeyID, key.Algorithm, err))
			continue
		}
		entries = append(entries, e)
	}
	set := newSet(entries)
	problems = append(problems, set.index.Ambiguous(set.headers())...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return set, nil
}

func (k PublicKey) entry() (*entry, error) {
	if err := CheckKeyID(k.KeyID); err != nil {
		return nil, err
	}
	public, err := k.public()
	if err != nil {
		return nil, err
	}
	own, err := checkedCopy(public)
	if err != nil {
		return nil, err
	}
	return newEntry(own, attributes{kid: k.KeyID, alg: k.Algorithm}, nil)
}

func (k PublicKey) public() (crypto.PublicKey, error) {
	switch {
	case k.Key != nil && k.PEM != nil:
		return nil, Unusable("both Key and PEM are set")
	case k.PEM != nil:
		return decodePEM(k.PEM)
	case k.Key != nil:
		return k.Key, nil
	}
	return nil, Unusable("neither Key nor PEM is set")
}

// headers returns the token header that each key is meant for.
func (s *Set) headers() []Header {
	var headers []Header
	for _, e := range s.entries {
		headers = append(headers, Header{Algorithm: e.keys[0].alg, KeyID: e.id.kid})
	}
	return headers
}
