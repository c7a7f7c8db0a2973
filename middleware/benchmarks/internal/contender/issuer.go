package contender

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
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

	key    crypto.Signer
	server *httptest.Server
}

// NewIssuer makes a key and serves it until Close.
func NewIssuer(algorithm Algorithm) (*Issuer, error) {
	key, err := algorithm.newKey()
	if err != nil {
		return nil, err
	}
	i := &Issuer{Algorithm: algorithm, KeyID: keyID, Public: key.Public(), key: key}
	i.server = httptest.NewServer(http.HandlerFunc(i.serve))
	i.URL, i.JWKSURL = i.server.URL+"/", i.server.URL+"/.well-known/jwks.json"
	return i, nil
}

// Close stops serving.
func (i *Issuer) Close() { i.server.Close() }

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	var document any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		document = map[string]any{
			"issuer": i.URL, "jwks_uri": i.JWKSURL, "token_endpoint": i.URL + "oauth/token",
			"authorization_endpoint":                i.URL + "authorize",
			"id_token_signing_alg_values_supported": []string{i.Algorithm.JWA()},
		}
	case "/.well-known/jwks.json":
		key := publicJWK(i.Public)
		maps.Copy(key, map[string]string{"kid": i.KeyID, "use": "sig", "alg": i.Algorithm.JWA()})
		document = map[string]any{"keys": []any{key}}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_ = json.NewEncoder(w).Encode(document)
}

// members are members of a JSON object. A nil value removes one.
type members map[string]any

func (m members) with(changes members) string {
	all := maps.Clone(m)
	for name, value := range changes {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	text, _ := json.Marshal(all) // strings, numbers and lists of them
	return string(text)
}

func (i *Issuer) header(changes members) string {
	return members{"alg": i.Algorithm.JWA(), "typ": "JWT", "kid": i.KeyID}.with(changes)
}

// payload has the shape and length of an Auth0 client-credentials token's.
func (i *Issuer) payload(changes members) string {
	now := time.Now().Unix()
	return members{
		"iss": i.URL, "sub": Subject, "aud": Audience, "iat": now, "exp": now + 86400,
		"azp": strings.TrimSuffix(Subject, "@clients"), "gty": "client-credentials", "scope": scope,
		"org_id": "org_9ybsU1dN2dKfDkBi", "jti": "a0b1c2d3e4f5a6b7c8d9",
		"https://timesheets.example.com/region": "eu-central",
	}.with(changes)
}

// Token returns a token that everyone has to accept.
func (i *Issuer) Token() string { return i.sign(i.header(nil), i.payload(nil)) }

// Tokens returns distinct tokens of one length that everyone has to accept.
func (i *Issuer) Tokens(count int) []string {
	tokens := make([]string, count)
	for n := range tokens {
		tokens[n] = i.claiming(members{"jti": fmt.Sprintf("a0b1c2d3e4f5%08d", n)})
	}
	return tokens
}

// claiming returns a genuine token with other claims.
func (i *Issuer) claiming(changes members) string { return i.sign(i.header(nil), i.payload(changes)) }

// heading returns a genuine token with another header.
func (i *Issuer) heading(changes members) string { return i.sign(i.header(changes), i.payload(nil)) }

func (i *Issuer) sign(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	signature, err := i.Algorithm.sign(i.key, []byte(input))
	if err != nil {
		panic(fmt.Sprintf("contender: cannot sign with a new key: %v", err))
	}
	return input + "." + encode(signature)
}

// SignatureCheck returns the bare check of the signature of a token that has one, with
// everything else done already: the limit of any verification.
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
