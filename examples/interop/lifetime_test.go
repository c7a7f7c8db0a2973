//go:build unix

package interop_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// leeway is what the API allows the clocks to differ, and a moment for the request.
const leeway = 5*time.Second + time.Second

// A token that was let in, and is remembered, is refused once it has expired, by the
// clock and not by what the token endpoint said about it.
func TestExpiry(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		i := p.start(t, func(s *settings) { s.Lifetime = 1 })
		api := startAPI(t, i.url)
		token := i.token(t, read)
		expiresAt := payload(t, token).ExpiresAt()

		var last time.Time // that it was let in
		eventually(t, func() bool {
			asked := time.Now()
			got := api.get(t, token)
			if got.status == http.StatusOK {
				last = asked
				return false
			}
			assert.Equal(t, http.StatusUnauthorized, got.status)
			assert.Contains(t, got.challenge, expired)
			return true
		}, "it never expired")
		assert.False(t, last.IsZero(), "it was never let in")
		assert.False(t, time.Now().Before(expiresAt), "refused before it expired")
		assert.True(t, last.Before(expiresAt.Add(leeway)), "let in long after it expired")
	})
}
