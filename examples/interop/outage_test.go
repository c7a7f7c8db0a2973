//go:build unix

package interop_test

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The issuer dies. Whose key is known goes on working, long after the keys are due for a
// refresh; a key that nobody can look up is no fault of the token; and what is wrong with
// a token is wrong with the issuer down too. It comes back, and nobody has to do anything.
func TestOutage(t *testing.T) {
	const refreshAfter = 250 * time.Millisecond
	each(t, func(t *testing.T, p provider) {
		i := p.start(t)
		api := startAPI(t, i.url, "JWKS_REFRESH="+refreshAfter.String())
		known, writer := i.token(t, read), i.token(t, write)
		api.until(t, http.StatusOK, known)
		i.sign(t, newKey(t, "ES256")) // the API has no reason to look
		unknown := i.signedBy(t, i.Keys[0].KeyID)
		i.down()

		assert.Empty(t, api.always(t, http.StatusOK, known, 10*refreshAfter), "refused connections take no time")
		assertUndecided(t, api.get(t, unknown))
		assert.Contains(t, api.get(t, writer).challenge, lacksScope)
		assert.Contains(t, api.get(t, tamper(t, known)).challenge, badSignature)
		assert.Equal(t, http.StatusOK, api.call(t, http.MethodGet, "/healthz", "").status)

		i.up(t)
		api.until(t, http.StatusOK, unknown, http.StatusServiceUnavailable)
		assert.Equal(t, http.StatusOK, api.get(t, known).status)
	})
}

func TestStartWithoutTheIssuer(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		i := p.start(t)
		token, foreign := i.token(t, read), i.grant(t, read, otherAudience).require(t)
		i.down()

		api := startAPI(t, i.url)
		assert.Equal(t, http.StatusOK, api.call(t, http.MethodGet, "/healthz", "").status)
		assertUndecided(t, api.get(t, token))
		assert.Contains(t, api.get(t, foreign).challenge, wrongAudience, "this takes no key to see")
		assert.Equal(t, http.StatusUnauthorized, api.get(t, "").status)

		i.up(t)
		api.until(t, http.StatusOK, token, http.StatusServiceUnavailable)
	})
}

// The issuer takes connections and answers nothing, which is worse than being down. It
// costs one wait of 3 s in all, of one who happens to be the first to need new keys.
func TestHang(t *testing.T) {
	const wait = 3*time.Second + long
	each(t, func(t *testing.T, p provider) {
		i := p.start(t)
		api := startAPI(t, i.url, "JWKS_REFRESH=250ms")
		known := i.token(t, read)
		api.until(t, http.StatusOK, known)
		i.sign(t, newKey(t, "ES256")) // the API has no reason to look
		unknown := i.signedBy(t, i.Keys[0].KeyID)
		i.server.hang()

		waits := api.always(t, http.StatusOK, known, 8*time.Second)
		if assert.LessOrEqual(t, len(waits), 1, waits) && len(waits) == 1 {
			assert.Less(t, waits[0], wait)
		}
		began := time.Now()
		assertUndecided(t, api.get(t, unknown))
		assert.Less(t, time.Since(began), wait)

		i.server.resume()
		api.until(t, http.StatusOK, unknown, http.StatusServiceUnavailable)
	})
}

// A certificate that nobody vouches for is an outage: it says nothing about the token.
// With one that is trusted, https is no different from http. Fosite stands for all.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "darwin" {
		t.Skip("SSL_CERT_FILE means nothing on macOS")
	}
	i := providers[2].start(t, func(s *settings) { s.TLS = true })
	fosite := i.server.(*fositeHTTP).http
	i.client = fosite.Client()
	token := i.token(t, read)

	assertUndecided(t, startAPI(t, i.url).get(t, token))

	authority := filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(authority, encodePEM(fosite.Certificate().Raw), 0o600))
	api := startAPI(t, i.url, "SSL_CERT_FILE="+authority)
	assert.Equal(t, http.StatusOK, api.get(t, token).status)
	i.sign(t, newKey(t, "ES384"))
	assert.Equal(t, http.StatusOK, api.get(t, i.token(t, read)).status)
}

// assertUndecided is for an answer that says when to come back, and asks for no other
// token: an outage is no fault of this one.
func assertUndecided(t *testing.T, got answer) {
	t.Helper()
	assert.Equal(t, http.StatusServiceUnavailable, got.status)
	assert.Regexp(t, `^[1-9]\d*$`, got.retryAfter)
	assert.Empty(t, got.challenge)
}
