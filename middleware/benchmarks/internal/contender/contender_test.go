package contender_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

func newIssuer(t testing.TB, algorithm contender.Algorithm) *contender.Issuer {
	t.Helper()
	issuer, err := contender.NewIssuer(algorithm)
	require.NoError(t, err)
	t.Cleanup(issuer.Close)
	return issuer
}

func client(t testing.TB, c contender.Contender, issuer *contender.Issuer) *contender.Client {
	t.Helper()
	handler, err := c.Protect(t.Context(), issuer, contender.Timesheets)
	require.NoError(t, err)
	return contender.NewClient(t.Context(), handler)
}

// What is measured is verification: each contender accepts the good token, hands its
// identity on, and refuses every other.
func TestContendersVerify(t *testing.T) {
	for _, algorithm := range contender.Algorithms() {
		issuer := newIssuer(t, algorithm)
		good, refusals := issuer.Token(), issuer.Refusals()
		t.Run(string(algorithm)+"/signature check alone", func(t *testing.T) {
			assert.True(t, issuer.SignatureCheck(good)())
			genuine := map[string]bool{"wrong iss": true, "expired": true, "wrong aud": true, "bad signature": false}
			for _, token := range refusals {
				if want, signed := genuine[token.Rule]; signed {
					assert.Equal(t, want, issuer.SignatureCheck(token.Text)(), token.Rule)
				}
			}
		})
		for _, c := range contender.OnGoodTokens() {
			t.Run(string(algorithm)+"/"+c.Name, func(t *testing.T) {
				client := client(t, c, issuer)
				for range 2 {
					client.Bearer(good)
					assert.Equal(t, http.StatusOK, client.Do(), "good token")
					for _, token := range refusals {
						client.Bearer(token.Text)
						assert.Contains(t, []int{400, 401}, client.Do(), token.Rule)
					}
				}
				client.Authorize("")
				assert.Contains(t, []int{400, 401}, client.Do(), "no token")
			})
		}
	}
}

// Observed with the versions in go.mod. None of it is a contender's bug in the narrow
// sense (some have an option against it), but whoever compares costs should know what
// they buy. An upgrade that changes a line here changes the README's table.
func TestDubiousTokens(t *testing.T) {
	const golang, keyfunc, oidc, jwx2, jwx3, chi, auth0 = "golang-jwt v5, static keys", "golang-jwt v5, keyfunc v3",
		"coreos/go-oidc v3", "jwx v2 ParseRequest", "jwx v3 ParseRequest", "go-chi/jwtauth v5, one key", "auth0/go-jwt-middleware v3"
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
	issuer := newIssuer(t, contender.RS256)
	tokens := issuer.Dubious()
	require.Len(t, tokens, len(accepts))
	for _, token := range tokens {
		var accepted []string
		for _, c := range contender.OnBadTokens() {
			client := client(t, c, issuer)
			client.Bearer(token.Text)
			if client.Do() == http.StatusOK {
				accepted = append(accepted, c.Name)
			}
		}
		assert.Equal(t, accepts[token.Rule], accepted, token.Rule)
	}
}

func TestTokenIsOfAKilobyte(t *testing.T) {
	assert.InDelta(t, 1013, len(newIssuer(t, contender.RS256).Token()), 25)
}

// What the client itself costs would be added to every row.
func TestClientAllocatesNothing(t *testing.T) {
	client := client(t, contender.Unprotected(), newIssuer(t, contender.EdDSA))
	assert.Zero(t, testing.AllocsPerRun(100, func() { client.Do() }))
}

// The benchmarks are for profiles of one row, with -cpuprofile or -memprofile. Tables come
// from the program.
func BenchmarkGoodToken(b *testing.B) {
	for _, algorithm := range contender.Algorithms() {
		b.Run(string(algorithm), func(b *testing.B) { // a key for those that are measured alone
			issuer := newIssuer(b, algorithm)
			tokens := issuer.Tokens(2)
			b.Run("signature check alone", func(b *testing.B) {
				check := issuer.SignatureCheck(tokens[0])
				b.ReportAllocs()
				for b.Loop() {
					check()
				}
			})
			for _, c := range append(contender.OnGoodTokens(), contender.Unprotected()) {
				b.Run(c.Name, func(b *testing.B) { benchmark(b, client(b, c, issuer), tokens...) })
			}
		})
	}
}

func BenchmarkBadToken(b *testing.B) {
	issuer := newIssuer(b, contender.RS256)
	for _, token := range issuer.Refusals() {
		for _, c := range contender.OnBadTokens() {
			b.Run(token.Rule+"/"+c.Name, func(b *testing.B) {
				client := client(b, c, issuer)
				client.Bearer(issuer.Token())
				client.Do()
				benchmark(b, client, token.Text)
			})
		}
	}
}

// benchmark makes requests with the tokens in turn.
func benchmark(b *testing.B, client *contender.Client, tokens ...string) {
	fields := make([]string, len(tokens))
	for n, token := range tokens {
		fields[n] = "Bearer " + token
	}
	client.Authorize(fields[0])
	want := client.Do()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		client.Authorize(fields[n%len(fields)])
		if status := client.Do(); status != want {
			b.Fatal(status)
		}
	}
}
