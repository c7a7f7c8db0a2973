package contender

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A Token is a token that a resource server must refuse.
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
