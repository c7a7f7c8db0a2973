package differential_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// A member is one name/value pair of any texts, so that a document need not be valid JSON.
type member struct{ name, value string }

type document []member

func (d document) String() string {
	var texts []string
	for _, m := range d {
		texts = append(texts, m.name+":"+m.value)
	}
	return "{" + strings.Join(texts, ",") + "}"
}

// set replaces the value of a member, or adds it.
func (d document) set(name, value string) document {
	for i, m := range d {
		if m.name == name {
			d[i].value = value
			return d
		}
	}
	return append(d, member{name, value})
}

func goodHeader(alg, kid string) document {
	return document{{`"alg"`, strconv.Quote(alg)}, {`"kid"`, strconv.Quote(kid)}, {`"typ"`, `"JWT"`}}
}

func goodPayload() document {
	return document{
		{`"iss"`, `"` + issuerURL + `"`},
		{`"aud"`, `"` + audience + `"`},
		{`"sub"`, `"alice"`},
		{`"exp"`, strconv.FormatInt(now.Unix()+3600, 10)},
		{`"iat"`, strconv.FormatInt(now.Unix()-60, 10)},
		{`"scope"`, `"read:x write:x"`},
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(segment string) ([]byte, bool) {
	decoded, err := base64.RawURLEncoding.DecodeString(segment)
	return decoded, err == nil
}

// signers sign with the issuer's keys, by algorithm.
var signers = []struct {
	alg, kid string
	sign     func(input []byte) []byte
}{
	{"EdDSA", "k1", func(input []byte) []byte { return ed25519.Sign(edKey, input) }},
	{"ES256", "ec", func(input []byte) []byte {
		digest := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, ecKey(), digest[:])
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}},
	{"RS256", "rsa", func(input []byte) []byte {
		digest := sha256.Sum256(input)
		return must(rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA256, digest[:]))
	}},
	{"PS256", "rsa", func(input []byte) []byte {
		digest := sha256.Sum256(input)
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return must(rsa.SignPSS(rand.Reader, rsaKey(), crypto.SHA256, digest[:], options))
	}},
}

// signed returns a token of exactly these segments.
func signed(signer int, header, payload string) string {
	input := header + "." + payload
	return input + "." + encode(signers[signer%len(signers)].sign([]byte(input)))
}

// signedDocuments returns a token of exactly these two documents.
func signedDocuments(signer int, header, payload string) string {
	return signed(signer, encode([]byte(header)), encode([]byte(payload)))
}
