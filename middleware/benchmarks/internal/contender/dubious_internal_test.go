package contender

import (
	"encoding/base64"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// The lists hold for the versions in go.mod. Not all of this is a bug: some contenders
// have an option against it. An upgrade that changes a list also changes the README.
func TestDubiousTokens(t *testing.T) {
	const golang, keyfunc, oidc, jwx2, jwx3, chi, auth0 = "golang-jwt v5, static keys", "golang-jwt v5, keyfunc v3",
		"coreos go-oidc v3", "jwx v2 ParseRequest", "jwx v3 ParseRequest", "go-chi jwtauth v5, one key", "auth0 go-jwt-middleware v3"
	accepts := map[string][]string{
		"no `exp` (RFC 9068 section 2.2)":                            {golang, keyfunc, jwx2, jwx3, chi, auth0},
		"`exp` is 0":                                                 {jwx2, chi},
		"`aud` twice, ours last (RFC 7519 section 4)":                {golang, keyfunc, oidc, jwx2, jwx3, chi, auth0},
		"`AUD` in place of `aud` (RFC 7519 section 7.3)":             {golang, keyfunc, oidc},
		"unknown `crit` (RFC 7515 section 4.1.11)":                   {golang, keyfunc, jwx2, jwx3, chi, auth0},
		"`typ` of a logout token (RFC 8725 section 3.11)":            {golang, keyfunc, oidc, jwx2, jwx3, chi, auth0},
		"`alg` HS256 over an RS256 signature (RFC 8725 section 3.1)": {jwx2, jwx3, chi},
		"padded signature (RFC 7515 section 2)":                      {jwx2, jwx3, chi, auth0},
		"other trailing bits, same signature (RFC 4648 section 3.5)": {golang, keyfunc, oidc, jwx2, jwx3, chi, auth0},
	}
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	issuer, err := NewIssuer(RS256)
	require.NoError(t, err)
	defer issuer.Close()
	tokens := issuer.dubious()
	require.Len(t, tokens, len(accepts))
	for _, token := range tokens {
		var accepted []string
		for _, c := range OnBadTokens() {
			handler, err := c.Protect(t.Context(), issuer, Timesheets)
			require.NoError(t, err)
			client := NewClient(t.Context(), handler)
			client.Bearer(token.Text)
			if client.Do() == http.StatusOK {
				accepted = append(accepted, c.Name)
			}
		}
		assert.Equal(t, accepts[token.Rule], accepted, token.Rule)
		assert.Contains(t, string(readme), "| "+token.Rule+" | "+strings.Join(accepted, "; ")+" |\n")
	}
}

// dubious returns tokens with a genuine signature that a resource server should refuse,
// and that some of the contenders accept.
func (i *Issuer) dubious() []Token {
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
