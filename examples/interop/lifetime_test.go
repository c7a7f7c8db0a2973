//go:build unix

package interop_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// leeway is the leeway of the API plus one second for the request.
const leeway = 5*time.Second + time.Second

// A token that was accepted, and is in the token cache, is refused after it has expired.
// Its exp claim decides, and not the expires_in of the token endpoint.
func TestExpiry(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		i := p.start(t, func(s *settings) { s.Lifetime = 1 })
		api := startAPI(t, i.url)
		token := i.token(t, read)
		expiresAt := payload(t, token).ExpiresAt()

		var last time.Time // when the token was last accepted
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
		}, "the token was never refused")
		assert.False(t, last.IsZero(), "the token was never accepted")
		assert.False(t, time.Now().Before(expiresAt), "refused before it expired")
		assert.True(t, last.Before(expiresAt.Add(leeway)), "accepted long after it expired")
	})
}
