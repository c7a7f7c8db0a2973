package jwks

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bearerguard/bearerguard/internal/keyset"
)

// storedPrefix marks the members that a stored document has besides those of the issuer.
// Readers of a JWK Set ignore members that they do not know (RFC 7517 section 5).
const storedPrefix = "bearerguard_"

// A stored is what a stored document says besides the keys. It is there if kids are blocked:
// they must still be blocked after a restart, as must their material under another kid.
type stored struct {
	Blocked  []string            `json:"bearerguard_blocked"`
	Material []keyset.Thumbprint `json:"bearerguard_blocked_material"`
	Fetched  int64               `json:"bearerguard_fetched"` // Unix time; 0 if it is not known
}

// block returns the blocked kids and material.
func (s stored) block() (b block) {
	for _, kid := range s.Blocked {
		b = b.with(kid)
	}
	if len(s.Material) > 0 {
		b.material = make(map[keyset.Thumbprint]struct{})
	}
	for _, m := range s.Material[:min(len(s.Material), maxBlockedMaterial)] {
		b.material[m] = struct{}{}
	}
	return b
}

func (s stored) fetched() time.Time {
	if s.Fetched == 0 {
		return time.Time{}
	}
	return time.Unix(s.Fetched, 0)
}

// withBlock returns a copy of an issuer's JWK Set with the block, if there is one. It says when
// the document was fetched, because Block can store it much later; a zero time is left out.
// Members of the issuer's that look like ours are dropped.
func withBlock(document []byte, b block, fetched time.Time) []byte {
	_, members := cutStored(document)
	if len(b.kids) == 0 {
		return bytes.Clone(members)
	}
	s := stored{Blocked: slices.Sorted(maps.Keys(b.kids))}
	for m := range b.material {
		s.Material = append(s.Material, m)
	}
	slices.SortFunc(s.Material, func(a, b keyset.Thumbprint) int { return bytes.Compare(a[:], b[:]) })
	if !fetched.IsZero() {
		s.Fetched = fetched.Unix()
	}
	ours, err := json.Marshal(s)
	if err != nil {
		return nil // cannot happen: Block takes only kids that are UTF-8
	}
	_, rest, _ := bytes.Cut(members, []byte("{"))
	return slices.Concat(ours[:len(ours)-1], []byte(","), rest)
}

var errStored = errors.New("jwks: the bearerguard members of the Seed cannot be read")

// readStored undoes withBlock. An error means that the document says what is blocked in a way
// that cannot be read: it must not be used as if nothing were blocked.
func readStored(document []byte) (s stored, issuers []byte, err error) {
	ours, issuers := cutStored(document)
	if ours == nil {
		return stored{}, issuers, nil
	}
	if json.Unmarshal(ours, &s, json.RejectUnknownMembers(true)) != nil {
		return stored{}, nil, errStored
	}
	return s, issuers, nil
}

// cutStored returns the object of our members, and the document without them. ours is nil if
// there are none, and the document is returned as it is, also if it is not a JSON object.
func cutStored(document []byte) (ours, issuers []byte) {
	if !bytes.Contains(document, []byte(storedPrefix)) && !bytes.Contains(document, []byte(`\u`)) {
		return nil, document
	}
	dec := jsontext.NewDecoder(bytes.NewReader(keyset.TrimMark(document)),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, document
	}
	var own, others [][]byte
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		name = bytes.Clone(name)
		value, errValue := dec.ReadValue()
		if err != nil || errValue != nil {
			return nil, document
		}
		member := slices.Concat(name, []byte(":"), value)
		if text, _ := jsontext.AppendUnquote(nil, name); strings.HasPrefix(string(text), storedPrefix) {
			own = append(own, member)
		} else {
			others = append(others, member)
		}
	}
	if own == nil {
		return nil, document
	}
	return object(own), object(others)
}

func object(members [][]byte) []byte {
	return slices.Concat([]byte("{"), bytes.Join(members, []byte(",")), []byte("}"))
}
