package contender_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

func newIssuer(t *testing.T, algorithm contender.Algorithm) *contender.Issuer {
	t.Helper()
	issuer, err := contender.NewIssuer(algorithm)
	require.NoError(t, err)
	t.Cleanup(issuer.Close)
	return issuer
}

func client(t *testing.T, c contender.Contender, issuer *contender.Issuer) *contender.Client {
	t.Helper()
	handler, err := c.Protect(t.Context(), issuer, contender.Timesheets)
	require.NoError(t, err)
	return contender.NewClient(t.Context(), handler)
}

// Every contender verifies: it accepts the good token, passes the identity on, and
// refuses all other tokens.
func TestContendersVerify(t *testing.T) {
	for _, algorithm := range contender.Algorithms() {
		issuer := newIssuer(t, algorithm)
		good, refusals := issuer.Token(), issuer.Refusals()
		t.Run(string(algorithm)+"/bare signature check", func(t *testing.T) {
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

func TestTokenHasAKilobyte(t *testing.T) {
	assert.InDelta(t, 1013, len(newIssuer(t, contender.RS256).Token()), 25)
}

// The allocations of the client would be added to every row.
func TestClientAllocatesNothing(t *testing.T) {
	client := client(t, contender.Unprotected(), newIssuer(t, contender.EdDSA))
	assert.Zero(t, testing.AllocsPerRun(100, func() { client.Do() }))
}

// A slash would split the name of a benchmark.
func TestNamesHaveNoSlash(t *testing.T) {
	for _, c := range append(contender.OnGoodTokens(), contender.Ours(), contender.Unprotected()) {
		assert.NotContains(t, c.Name, "/")
	}
}
