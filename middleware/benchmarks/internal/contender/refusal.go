package contender

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A Token is a token that a resource server should refuse.
type Token struct {
	Rule string // the rule that the token breaks
	Text string
}

// Refusals returns tokens that every contender refuses, in the order of the table. The
// tokens with wrong claims have a genuine signature.
func (i *Issuer) Refusals() []Token {
	good := i.Token()
	unsigned, _ := splitToken(good)
	hourAgo := time.Now().Add(-time.Hour).Unix()
	return []Token{
		{"malformed", unsigned},
		{"wrong alg", i.confused()},
		{"wrong iss", i.sign(members{"iss": "https://other.example.com/"})},
		{"expired", i.sign(members{"iat": hourAgo - 3600, "exp": hourAgo})},
		{"wrong aud", i.sign(members{"aud": "https://other.example.com"})},
		{"bad signature", jwkstest.TamperSignature(good)},
		{"64 KiB of junk", strings.Repeat("a", 64<<10)},
	}
}

// confused returns a token whose MAC uses the issuer's public key as the secret. The
// attack works on verifiers that let the token choose alg (RFC 8725 section 2.1).
func (i *Issuer) confused() string {
	der, err := x509.MarshalPKIXPublicKey(i.Public)
	if err != nil {
		panic(fmt.Sprintf("contender: cannot encode a generated key: %v", err))
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return i.sign(nil, jwkstest.SignedBy(jwkstest.Key{ID: i.KeyID, Algorithm: "HS256", Private: secret}))
}

// Dubious returns tokens with a genuine signature that a resource server should refuse,
// and that some of the contenders accept.
func (i *Issuer) Dubious() []Token {
	good := i.Token()
	return []Token{
		{"no `exp` (RFC 9068 section 2.2)", i.sign(members{"exp": jwkstest.Absent})},
		{"`exp` is 0", i.sign(members{"exp": 0})},
		{"`aud` twice, ours last (RFC 7519 section 4)", i.audienceTwice(good)},
		{"`AUD` in place of `aud` (RFC 7519 section 7.3)", i.sign(members{"aud": jwkstest.Absent, "AUD": Audience})},
		{
			"unknown `crit` (RFC 7515 section 4.1.11)",
			i.sign(nil, jwkstest.Header("crit", []string{"x"}), jwkstest.Header("x", 1)),
		},
		{"`typ` of a logout token (RFC 8725 section 3.11)", i.sign(nil, jwkstest.Header("typ", "logout+jwt"))},
		{"`alg` HS256 over an RS256 signature (RFC 8725 section 3.1)", i.sign(nil, jwkstest.Header("alg", "HS256"))},
		{"padded signature (RFC 7515 section 2)", good + "=="},
		{"other trailing bits, same signature (RFC 4648 section 3.5)", otherBits(good)},
	}
}

func (i *Issuer) audienceTwice(token string) string {
	segments := strings.Split(token, ".")
	header, _ := base64.RawURLEncoding.DecodeString(segments[0])
	payload, _ := base64.RawURLEncoding.DecodeString(segments[1])
	twice := strings.Replace(string(payload), `"aud":`, `"aud":"https://other.example.com","aud":`, 1)
	return jwkstest.RawToken(header, []byte(twice), i.key)
}

// otherBits returns another spelling of a token with a signature of 256 bytes. Its last
// character has four bits that only strict decoders look at.
func otherBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(token) - 1
	return token[:last] + string(alphabet[strings.IndexByte(alphabet, token[last])+1])
}

// AcceptedBy returns the names of the contenders that accept the token.
func (i *Issuer) AcceptedBy(ctx context.Context, token Token) ([]string, error) {
	var names []string
	for _, c := range OnBadTokens() {
		handler, err := c.Protect(ctx, i, Timesheets)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		client := NewClient(ctx, handler)
		client.Bearer(token.Text)
		if client.Do() == http.StatusOK {
			names = append(names, c.Name)
		}
	}
	return names, nil
}
