package fetch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// almost1 is the largest random number that rand.Float64 returns.
const almost1 = 1 - 1.0/(1<<53)

func TestRetryPause(t *testing.T) {
	assert.Equal(t, 100*time.Millisecond, retryPause(0, 0, 0))
	assert.InDelta(t, 500*time.Millisecond, retryPause(0, almost1, 0), 10)
	assert.InDelta(t, 900*time.Millisecond, retryPause(1, almost1, 0), 10)
	assert.Equal(t, 2*time.Second, retryPause(0, almost1, 2*time.Second), "Retry-After is honoured")
}

func TestUntrustedCertificateIsNotRetried(t *testing.T) {
	server := newCountingServer(t, true, answerKeySet)
	retries := 2
	_, err := New(Config{Address: server.URL}).GetWithRetries(t.Context(), Request{What: "jwks: key set", URL: server.URL}, &retries)
	require.ErrorContains(t, err, "certificate")
	assert.Equal(t, 2, retries)
}

func TestNonPublicAddressIsNotRetried(t *testing.T) {
	retries := 2
	_, err := namedOnly(nil).GetWithRetries(t.Context(), Request{What: "jwks: key set", URL: "https://127.0.0.1:1/"}, &retries)
	require.ErrorIs(t, err, ErrNotPublic)
	assert.Equal(t, 2, retries)
}
