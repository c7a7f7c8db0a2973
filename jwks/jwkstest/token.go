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

// Absent removes a claim, a header member or a metadata member when it is the value of
// one. It differs from nil, which becomes a JSON null.
var Absent any = absent{}

type absent struct{}

// An Option changes the header or the signing key of a token.
type Option func(*draft)

type draft struct {
	header map[string]any
	key    Key
}

// Header sets a member of the JOSE header, such as typ, kid or alg. The value [Absent]
// removes the member. An alg set here does not change the algorithm that signs.
func Header(name string, value any) Option {
	return func(d *draft) { d.header[name] = value }
}

// SignedBy makes this key sign the token, instead of the issuer's signing key.
func SignedBy(k Key) Option {
	return func(d *draft) { d.key = k }
}

// Token returns a signed token in the compact serialization. Without claims and options
// it is a good access token of the RFC 9068 profile, valid for one hour. It has the
// claims iss, sub, aud ([Audience]), client_id, iat, exp, jti and scope ("read:example").
//
// Each given claim replaces the default claim of that name; the value [Absent] removes
// it.
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

// RawToken signs any header and payload, and returns the compact serialization. It does
// not parse them, and adds nothing to them.
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

// TamperClaims returns the token with these claims set, but with its old signature. The
// value [Absent] removes a claim.
func TamperClaims(token string, claims map[string]any) string {
	parts := split(token)
	decoder := json.NewDecoder(bytes.NewReader(parts[1]))
	decoder.UseNumber() // the other claims keep all digits of their numbers
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
