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

// While the issuer is down, tokens with known keys are accepted, long after the keys are
// due for a refresh. A token with an unknown key gets 503, and a bad token is refused as
// usual. After the outage, the API recovers without a restart.
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

		waits, rests := api.always(t, http.StatusOK, known, 10*refreshAfter)
		assert.LessOrEqual(t, len(waits), rests, "refused connections take no time: %v", waits)
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
		assert.Contains(t, api.get(t, foreign).challenge, wrongAudience, "this check needs no key")
		assert.Equal(t, http.StatusUnauthorized, api.get(t, "").status)

		i.up(t)
		api.until(t, http.StatusOK, token, http.StatusServiceUnavailable)
	})
}

// The issuer accepts connections and does not answer, which is worse than refusing them.
// At most one request waits, for 3 s: the first one that needs new keys. P3 of package jwks allows
// one more after each rest that is longer than JWKS_REFRESH.
func TestHang(t *testing.T) {
	const wait = maxWait + long
	each(t, func(t *testing.T, p provider) {
		i := p.start(t)
		api := startAPI(t, i.url, "JWKS_REFRESH=250ms")
		known := i.token(t, read)
		api.until(t, http.StatusOK, known)
		i.sign(t, newKey(t, "ES256")) // the API has no reason to look
		unknown := i.signedBy(t, i.Keys[0].KeyID)
		i.server.hang()

		waits, rests := api.always(t, http.StatusOK, known, 8*time.Second)
		if assert.LessOrEqual(t, len(waits), 1+rests, waits) && len(waits) == 1 {
			assert.Less(t, waits[0], wait)
		}
		began := time.Now()
		assertUndecided(t, api.get(t, unknown))
		assert.Less(t, time.Since(began), wait)

		i.server.resume()
		api.until(t, http.StatusOK, unknown, http.StatusServiceUnavailable)
	})
}

// A certificate that is not trusted counts as an outage, because it says nothing about
// the token. With a trusted one, https works like http. One provider is enough for this.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "darwin" {
		t.Skip("macOS ignores SSL_CERT_FILE")
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

// assertUndecided checks that the answer says when to try again. It must have no
// challenge, because an outage says nothing about the token.
func assertUndecided(t *testing.T, got answer) {
	t.Helper()
	assert.Equal(t, http.StatusServiceUnavailable, got.status)
	assert.Regexp(t, `^[1-9]\d*$`, got.retryAfter)
	assert.Empty(t, got.challenge)
}
