package keyset

import (
	"encoding/base64"
	"errors"
	"maps"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// rules say how strictly a JWK is read. The zero value is for a key that a stranger sends, such
// as the jwk of a DPoP proof (RFC 9449 section 4.2).
type rules struct {
	// lenient is for an issuer's key set. The issuer is trusted, so the reader forgives what
	// some encoders write, as long as only one key can be meant: null counts as absence,
	// base64url can be padded, and a coordinate can have fewer or more leading zeros.
	lenient bool
	bundle  bool // a SPIFFE bundle: see ParseBundle
}

// members are the members of one JWK. Names match exactly, and duplicates at any depth are
// refused.
type members struct {
	rules
	values map[string]jsontext.Value
}

func (r rules) readMembers(value jsontext.Value) (members, error) {
	if value.Kind() != '{' {
		return members{}, errNotAnObject
	}
	var values map[string]jsontext.Value
	err := json.Unmarshal(value, &values)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return members{}, errDuplicateName
	case err != nil:
		return members{}, errMalformedKey
	}
	if r.lenient {
		maps.DeleteFunc(values, func(_ string, value jsontext.Value) bool { return value.Kind() == 'n' })
	}
	return members{r, values}, nil
}

// text returns a member that must be a string if it is present.
func (m members) text(name string) (value string, present bool, err error) {
	raw, present := m.values[name]
	if !present {
		return "", false, nil
	}
	if raw.Kind() != '"' {
		return "", true, Unusable(name + " is not a string")
	}
	unquoted, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", true, errMalformedKey
	}
	return string(unquoted), true, nil
}

// required is text for a member without which there is no key.
func (m members) required(name string) (string, error) {
	value, present, err := m.text(name)
	if err == nil && !present {
		err = Unusable(name + " is missing")
	}
	return value, err
}

// octets decodes a member in base64url without padding (RFC 7515 section 2). The lenient reader
// also takes the right number of =.
func (m members) octets(name string) ([]byte, error) {
	text, err := m.required(name)
	if err != nil {
		return nil, err
	}
	encoding := base64.RawURLEncoding
	if m.lenient && strings.HasSuffix(text, "=") {
		encoding = base64.URLEncoding
	}
	octets, err := encoding.Strict().DecodeString(text)
	// encoding/base64 skips line breaks even in strict mode.
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, Unusable(name + " is not base64url")
	}
	return octets, nil
}
