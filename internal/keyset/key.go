package keyset

import (
	"crypto"
	"crypto/sha256"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/mldsa"
)

// A Thumbprint is a JWK thumbprint with SHA-256 (RFC 7638). It identifies key material.
type Thumbprint [32]byte

// An identity says when keys of two documents are the same key.
type identity struct {
	material Thumbprint
	attributes
}

// An entry is one usable public key, with a claims.Key for each algorithm it serves.
type entry struct {
	id   identity
	keys []algorithmKey
}

type algorithmKey struct {
	alg string
	key claims.Key
}

// readEntry makes an entry from one JWK, or returns the one of known with the same
// identity. It returns the kid for reports, also with an error.
func (r rules) readEntry(value jsontext.Value, known map[identity]*entry) (kid string, e *entry, err error) {
	e, err = recovered(func() (*entry, error) {
		m, err := r.readMembers(value)
		if err != nil {
			return nil, err
		}
		kid, _, _ = m.text("kid")
		e, err := m.entry(known)
		if err != nil && !m.maySign() {
			err = otherPurpose{err}
		}
		return e, err
	})
	return kid, e, err
}

func (m members) entry(known map[identity]*entry) (*entry, error) {
	key, attrs, err := m.publicKey()
	if err != nil {
		return nil, err
	}
	return newEntry(key, attrs, known)
}

func (m members) publicKey() (crypto.PublicKey, attributes, error) {
	material, err := m.material()
	if err != nil {
		return nil, attributes{}, err
	}
	attrs, err := m.attributes()
	if err != nil {
		return nil, attributes{}, err
	}
	if kty, _, _ := m.text("kty"); kty == "AKP" {
		key, err := m.akpKey()
		return key, attrs, err
	}
	key, err := parsePublicKey(material)
	return key, attrs, err
}

// recovered turns a panic of parse into an error. A key comes from another machine and
// passes through a library that is not maintained any more. On the goroutine of a fetch
// nothing else would recover the panic.
func recovered(parse func() (*entry, error)) (e *entry, err error) {
	defer func() {
		if recover() != nil {
			e, err = nil, errMalformedKey
		}
	}()
	return parse()
}

// parsePublicKey reads a JWK that minimalJWK built.
func parsePublicKey(material []byte) (crypto.PublicKey, error) {
	parsed, err := jwk.ParseKey(material)
	if err != nil {
		return nil, errMalformedKey
	}
	var raw any
	if err := parsed.Raw(&raw); err != nil {
		return nil, errMalformedKey
	}
	return checkedCopy(raw)
}

// newEntry takes a key that checkedCopy returned.
func newEntry(key crypto.PublicKey, attrs attributes, known map[identity]*entry) (*entry, error) {
	algs, err := algorithms(key, attrs.alg)
	if err != nil {
		return nil, err
	}
	material, err := thumbprintOf(key)
	if err != nil {
		return nil, err
	}
	e := &entry{id: identity{material: material, attributes: attrs}}
	if same, ok := known[e.id]; ok {
		return same, nil
	}
	e.keys, err = algorithmKeys(key, algs)
	return e, err
}

func thumbprintOf(key crypto.PublicKey) (t Thumbprint, err error) {
	if key, ok := key.(*mldsa.PublicKey); ok {
		return sha256.Sum256(akpJWK(key.Algorithm(), key.Bytes())), nil
	}
	wrapped, err := jwk.FromRaw(key)
	if err != nil {
		return t, errMalformedKey
	}
	sum, err := wrapped.Thumbprint(crypto.SHA256)
	if err != nil || copy(t[:], sum) != len(t) {
		return t, errMalformedKey
	}
	return t, nil
}
