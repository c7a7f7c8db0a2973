package dpop_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// The examples of RFC 9449 (September 2023): the token request of section 5, figures 2 and 4; the
// jkt of section 6.1; the request for a protected resource of section 7.1, figures 12 and 13.
const (
	rfcJKT   = `"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"`
	rfcToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"

	rfcHeader = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."

	rfcResourceProof = rfcHeader + "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
	rfcTokenProof    = rfcHeader + "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)

func TestPublishedProofs(t *testing.T) {
	now := time.Unix(1562262618, 0)
	at := &clock{now}
	c := newChecker(t, dpop.Config{Origins: []string{"https://resource.example.org", "https://server.example.com"}, Now: at.Now})
	resource := dpop.Request{Method: "GET", Target: "/protectedresource", Fields: []string{rfcResourceProof}}
	confirm := func(r dpop.Request) error { return c.Proof(r).Confirm(t.Context(), rfcToken, []byte(rfcJKT)) }
	require.NoError(t, confirm(resource))
	assert.ErrorIs(t, confirm(resource), dpop.ErrReplay)

	// The proof for the token endpoint has no ath, so it is none for a resource.
	tokenRequest := dpop.Request{Method: "POST", Target: "/token", Fields: []string{rfcTokenProof}}
	assert.EqualError(t, confirm(tokenRequest), "dpop: claims: ath is missing")

	for n := range len(rfcResourceProof) {
		changed := []byte(rfcResourceProof)
		if changed[n] ^= 1; changed[n] == '/' {
			continue // a dot that became a slash
		}
		e := refusalOf(t, confirm(dpop.Request{Method: "GET", Target: "/protectedresource", Fields: []string{string(changed)}}))
		assert.NotErrorIs(t, e, dpop.ErrReplay, n)
	}
}
