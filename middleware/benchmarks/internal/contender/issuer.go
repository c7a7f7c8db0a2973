package contender

import (
	"crypto"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// What the tokens of an [Issuer] say.
const (
	Subject   = "kD9NyMp1XoXLwQmPYBx2yUvGYDdUCFqR@clients"
	Audience  = "https://timesheets.example.com"
	ReadScope = "read:timesheets"

	scope = ReadScope + " write:timesheets delete:timesheets read:reports write:reports"
	keyID = "NjVBRjY5MDlCMUIwNzU4RTA2QzZF"
)

// An Issuer publishes one key on loopback, with discovery, and signs tokens with it.
type Issuer struct {
	URL       string // ends in a slash, like Auth0's
	JWKSURL   string
	Algorithm Algorithm
	KeyID     string
	Public    crypto.PublicKey

	key    jwkstest.Key
	issuer *jwkstest.Issuer
	server *httptest.Server
}

// NewIssuer generates a key and serves it until Close.
func NewIssuer(algorithm Algorithm) (*Issuer, error) {
	key, err := algorithm.newKey()
	if err != nil {
		return nil, err
	}
	server := httptest.NewUnstartedServer(nil)
	url := "http://" + server.Listener.Addr().String() + "/"
	issuer := jwkstest.NewIssuer(jwkstest.Config{URL: url, Key: key})
	issuer.SetCaching(jwkstest.Caching{CacheControl: "public, max-age=3600"})
	server.Config.Handler = issuer
	server.Start()
	return &Issuer{
		URL: url, JWKSURL: issuer.JWKSURL(), Algorithm: algorithm, KeyID: key.ID,
		Public: key.Private.(crypto.Signer).Public(),
		key:    key, issuer: issuer, server: server,
	}, nil
}

// Close stops serving.
func (i *Issuer) Close() { i.server.Close() }

// Token returns a token that every contender must accept.
func (i *Issuer) Token() string { return i.sign(nil) }

// Tokens returns distinct tokens of equal length that every contender must accept.
func (i *Issuer) Tokens(count int) []string {
	tokens := make([]string, count)
	for n := range tokens {
		tokens[n] = i.sign(members{"jti": fmt.Sprintf("a0b1c2d3e4f5%08d", n)})
	}
	return tokens
}

type members = map[string]any

// sign returns a token with the shape and length of an Auth0 client-credentials token,
// apart from the changes.
func (i *Issuer) sign(changes members, options ...jwkstest.Option) string {
	now := time.Now().Unix()
	claims := members{
		"sub": Subject, "aud": Audience, "iat": now, "exp": now + 86400, "scope": scope,
		"azp": strings.TrimSuffix(Subject, "@clients"), "gty": "client-credentials", "client_id": jwkstest.Absent,
		"org_id": "org_9ybsU1dN2dKfDkBi", "jti": "a0b1c2d3e4f5a6b7c8d9",
		"https://timesheets.example.com/region": "eu-central",
	}
	maps.Copy(claims, changes)
	return i.issuer.Token(claims, append([]jwkstest.Option{jwkstest.Header("typ", "JWT")}, options...)...)
}

// SignatureCheck returns the bare check of the signature of a token, which no
// verification can be faster than.
func (i *Issuer) SignatureCheck(token string) func() bool {
	input, encoded := splitToken(token)
	signature, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return func() bool { return false }
	}
	return i.Algorithm.check(i.Public, []byte(input), signature)
}

func splitToken(token string) (input, signature string) {
	dot := strings.LastIndexByte(token, '.')
	return token[:dot], token[dot+1:]
}
