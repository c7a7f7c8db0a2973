package jwkstest

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
)

// A keyList has the entries of the JWKS in their order.
type keyList struct {
	entries []entry
	changed time.Time
}

type entry struct {
	kid string // empty if the entry has none
	jwk json.RawMessage
}

func (l *keyList) add(kid string, jwk []byte) {
	l.entries = append(l.entries, entry{kid, jwk})
	l.changed = time.Now()
}

// replace replaces the first entry that has this kid, or adds one if there is none.
func (l *keyList) replace(kid string, jwk []byte) {
	at := slices.IndexFunc(l.entries, func(e entry) bool { return kid != "" && e.kid == kid })
	if at < 0 {
		l.add(kid, jwk)
		return
	}
	l.entries[at].jwk = jwk
	l.changed = time.Now()
}

func (l *keyList) remove(kid string) {
	l.entries = slices.DeleteFunc(l.entries, func(e entry) bool { return e.kid == kid })
	l.changed = time.Now()
}

func (l *keyList) document() []byte {
	keys := make([][]byte, len(l.entries))
	for n, e := range l.entries {
		keys[n] = e.jwk
	}
	return slices.Concat([]byte(`{"keys":[`), bytes.Join(keys, []byte(",")), []byte("]}"))
}

// Publish adds the key's public JWK to the key set, without the named members. It
// replaces an entry that has the same kid; [Issuer.PublishJWK] adds a second one.
func (i *Issuer) Publish(k Key, without ...string) {
	jwk := k.JWK()
	for _, member := range without {
		delete(jwk, member)
	}
	kid, _ := jwk["kid"].(string)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys.replace(kid, encode(jwk))
}

// PublishJWK adds any entry to the end of the key set. A string or []byte is added
// without change, even if it is not JSON; any other value is encoded as JSON.
func (i *Issuer) PublishJWK(jwk any) {
	var raw []byte
	switch v := jwk.(type) {
	case string:
		raw = []byte(v)
	case []byte:
		raw = slices.Clone(v)
	default:
		raw = encode(v)
	}
	var named struct {
		KeyID any `json:"kid"`
	}
	_ = json.Unmarshal(raw, &named) // an entry that is not even JSON has no kid
	kid, _ := named.KeyID.(string)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys.add(kid, raw)
}

// Retire removes all entries that have this kid from the key set. It does not change the
// key that signs.
func (i *Issuer) Retire(kid string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys.remove(kid)
}

// SignWith makes the key sign all later tokens, whether or not it is published.
func (i *Issuer) SignWith(k Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signer = k
}

// SigningKey returns the key that signs tokens now.
func (i *Issuer) SigningKey() Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.signer
}

// Rotate publishes a new key, which signs all later tokens, and returns it. The new key
// has the algorithm of the old one. The old key stays published until [Issuer.Retire].
//
// For another order or another algorithm, call [NewKey], [Issuer.Publish],
// [Issuer.SignWith] and [Issuer.Retire].
func (i *Issuer) Rotate() Key {
	k := NewKey(i.SigningKey().Algorithm)
	i.Publish(k)
	i.SignWith(k)
	return k
}

// Document returns the key set that is published now.
func (i *Issuer) Document() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys.document()
}
