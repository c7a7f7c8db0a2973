package jwks

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/fetch"
)

// FuzzReadDiscovery checks that readDiscovery returns an address only from a document of the
// configured issuer, and only an address that can be asked.
func FuzzReadDiscovery(f *testing.F) {
	const issuer = "https://issuer.example/"
	for _, seed := range []string{
		`{"issuer":"https://issuer.example/","jwks_uri":"https://issuer.example/keys"}`,
		`{"issuer":"https://issuer.example/","jwks_uri":"https://keys.example:8443/k?p=1"}`,
		`{"issuer":"https://issuer.example","jwks_uri":"https://issuer.example/keys"}`,
		`{"issuer":"https://issuer.example/","jwks_uri":"http://issuer.example/keys"}`,
		`{"issuer":"https://issuer.example/","jwks_uri":"https://[::ffff:127.0.0.1]/"}`,
		`{"issuer":"https://issuer.example/","jwks_uri":"https://u:p@issuer.example/#f"}`,
		`{"issuer":"https://issuer.example/","issuer":"https://issuer.example/","jwks_uri":""}`,
		`{"issuer":null,"jwks_uri":7}`, `null`, `[]`, `{`, ``, "\xff", `{"issuer":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	s := &source{issuer: issuer, client: Config{Issuer: issuer}.fetchClient(nil)}
	f.Fuzz(func(t *testing.T, document []byte) {
		address, err := s.readDiscovery(document)
		if err != nil {
			assert.Empty(t, address)
			assert.Less(t, len(err.Error()), 500)
			assert.Equal(t, fetch.Printable(err.Error(), 500), err.Error())
			return
		}
		assert.True(t, strings.HasPrefix(strings.ToLower(address), "https://"), "%q", address)
		assert.NotContains(t, address, "#")
		assert.LessOrEqual(t, len(address), 2048)
		require.NoError(t, s.client.CheckNamed(address))
	})
}
