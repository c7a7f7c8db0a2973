package jwkstest

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Absent, as the value of a claim, a header or a metadata member, removes it. It is
// not nil: a nil value is a JSON null.
var Absent any = absent{}

type absent struct{}

// An Option changes the header of a token, or who signs it.
type Option func(*draft)

type draft struct {
	header map[string]any
	key    Key
}

// Header sets a member of the JOSE header, such as typ, kid or alg, or removes it if
// the value is [Absent]. The signature stays what the key makes of it: an alg set here
// is a lie.
func Header(name string, value any) Option {
	return func(d *draft) { d.header[name] = value }
}

// SignedBy signs with this key in place of the issuer's.
func SignedBy(k Key) Option {
	return func(d *draft) { d.key = k }
}

// Token returns a signed token in the compact serialization. Without claims and
// options it is a good access token in the profile of RFC 9068, for one hour, with the
// claims iss, sub, aud ([Audience]), client_id, iat, exp, jti and scope
// ("read:example").
//
// A claim given here takes the place of the default one, or removes it if it is
// [Absent].
func (i *Issuer) Token(claims map[string]any, options ...Option) string {
	d := draft{header: make(map[string]any), key: i.SigningKey()}
	for _, option := range options {
		option(&d)
	}
	header := map[string]any{"typ": "at+jwt", "alg": d.key.Algorithm}
	if d.key.ID != "" {
		header["kid"] = d.key.ID
	}
	now := time.Now()
	payload := map[string]any{
		"iss":       i.url,
		"sub":       "client@clients",
		"aud":       Audience,
		"client_id": "client",
		"iat":       now.Unix(),
		"exp":       now.Add(time.Hour).Unix(),
		"jti":       rand.Text(),
		"scope":     "read:example",
	}
	merge(header, d.header)
	merge(payload, claims)
	return RawToken(encode(header), encode(payload), d.key)
}

// RawToken signs these bytes, whatever they are, and returns the compact
// serialization. Nothing is added to the header.
func RawToken(header, payload []byte, k Key) string {
	input := segment(header) + "." + segment(payload)
	return input + "." + segment(k.Sign([]byte(input)))
}

// TamperSignature returns the token with one bit of its signature flipped.
func TamperSignature(token string) string {
	parts := split(token)
	signature := parts[2]
	if len(signature) == 0 {
		panic("jwkstest: the token has no signature")
	}
	signature[len(signature)/2] ^= 1
	return segment(parts[0]) + "." + segment(parts[1]) + "." + segment(signature)
}

// TamperClaims returns the token with these claims put in, or removed if they are
// [Absent], under the signature that it had.
func TamperClaims(token string, claims map[string]any) string {
	parts := split(token)
	decoder := json.NewDecoder(bytes.NewReader(parts[1]))
	decoder.UseNumber() // the claims that are not touched keep their digits
	var payload map[string]any
	if err := decoder.Decode(&payload); err != nil {
		panic(fmt.Sprintf("jwkstest: the token's payload is not a JSON object: %v", err))
	}
	merge(payload, claims)
	return segment(parts[0]) + "." + segment(encode(payload)) + "." + segment(parts[2])
}

func split(token string) [3][]byte {
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		panic("jwkstest: the token is not in the compact serialization")
	}
	var parts [3][]byte
	for n, s := range segments {
		var err error
		if parts[n], err = base64.RawURLEncoding.DecodeString(s); err != nil {
			panic(fmt.Sprintf("jwkstest: the token is not base64url: %v", err))
		}
	}
	return parts
}

func merge(into, from map[string]any) {
	maps.Copy(into, from)
	maps.DeleteFunc(into, func(_ string, value any) bool { return value == Absent })
}
