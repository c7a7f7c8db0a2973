package contender

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"time"
)

// A Token is one that has to be refused, and why.
type Token struct {
	Rule string // that it breaks
	Text string
}

// Refusals returns tokens that every contender refuses, in the order of the table. Those
// with other claims carry a genuine signature.
func (i *Issuer) Refusals() []Token {
	good := i.Token()
	input, signature := splitToken(good)
	hour := int64(time.Hour / time.Second)
	return []Token{
		{"malformed", input},
		{"wrong alg", i.confused()},
		{"wrong iss", i.claiming(members{"iss": "https://other.example.com/"})},
		{"expired", i.claiming(members{"iat": time.Now().Unix() - 2*hour, "exp": time.Now().Unix() - hour})},
		{"wrong aud", i.claiming(members{"aud": "https://other.example.com"})},
		{"bad signature", input + "." + tampered(signature)},
		{"64 KiB of junk", strings.Repeat("a", 64<<10)},
	}
}

// confused returns the classic attack on verifiers that let the token choose (RFC 8725
// section 2.1): a MAC whose secret is the issuer's public key.
func (i *Issuer) confused() string {
	input, _ := splitToken(i.heading(members{"alg": "HS256"}))
	der, _ := x509.MarshalPKIXPublicKey(i.Public) // of a kind that has a form
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// tampered changes one bit in the middle of an encoded signature.
func tampered(encoded string) string {
	signature, _ := base64.RawURLEncoding.DecodeString(encoded)
	signature[len(signature)/2] ^= 1
	return base64.RawURLEncoding.EncodeToString(signature)
}

// Dubious returns tokens with a signature of the issuer's key that a resource server
// should refuse, and that some of the contenders accept.
func (i *Issuer) Dubious() []Token {
	input, signature := splitToken(i.Token())
	twice := strings.Replace(i.payload(nil), `"aud":`, `"aud":"https://other.example.com","aud":`, 1)
	return []Token{
		{"no `exp` (RFC 9068 section 2.2)", i.claiming(members{"exp": nil})},
		{"`exp` is 0", i.claiming(members{"exp": 0})},
		{"`aud` twice, ours last (RFC 7519 section 4)", i.sign(i.header(nil), twice)},
		{"`AUD` in place of `aud` (RFC 7519 section 7.3)", i.claiming(members{"aud": nil, "AUD": Audience})},
		{"unknown `crit` (RFC 7515 section 4.1.11)", i.heading(members{"crit": []string{"x"}, "x": 1})},
		{"`typ` of a logout token (RFC 8725 section 3.11)", i.heading(members{"typ": "logout+jwt"})},
		{"`alg` HS256 over an RS256 signature (RFC 8725 section 3.1)", i.heading(members{"alg": "HS256"})},
		{"padded signature (RFC 7515 section 2)", input + "." + signature + "=="},
		{"other trailing bits, same signature (RFC 4648 section 3.5)", input + "." + otherBits(signature)},
	}
}

// otherBits returns another spelling of an encoded signature of 256 bytes, whose last
// character has four bits that decoders ignore unless they are strict.
func otherBits(encoded string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(encoded) - 1
	return encoded[:last] + string(alphabet[strings.IndexByte(alphabet, encoded[last])+1])
}
