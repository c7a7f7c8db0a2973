package jwks

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzReadDiscovery holds whatever a stranger's document makes of it to the rules: an
// address comes out only of a document that is the issuer's, and it may be asked.
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
	s := &source{issuer: issuer, getter: &getter{hosts: newHosts(Config{Issuer: issuer})}}
	f.Fuzz(func(t *testing.T, document []byte) {
		address, err := s.readDiscovery(document)
		if err != nil {
			assert.Empty(t, address)
			assert.Less(t, len(err.Error()), 500)
			assert.Equal(t, printable(err.Error(), 500), err.Error())
			return
		}
		assert.True(t, strings.HasPrefix(strings.ToLower(address), "https://"), "%q", address)
		assert.NotContains(t, address, "#")
		assert.LessOrEqual(t, len(address), maxURLBytes)
		require.NoError(t, s.hosts.checkNamed(address))
	})
}

func FuzzFreshnessHeaders(f *testing.F) {
	for _, seed := range []string{"max-age=300", `public,max-age="1"`, "max-age=99999999999999999999", "max-age=-1", ",=,", ""} {
		f.Add(seed, "30", seed)
	}
	plan := newSchedule(0, 0, 0)
	f.Fuzz(func(t *testing.T, cacheControl, age, etag string) {
		h := map[string][]string{"Cache-Control": {cacheControl}, "Age": {age}, "Etag": {etag}, "Retry-After": {age}}
		fresh := plan.freshness(h, 0)
		assert.GreaterOrEqual(t, fresh, minFreshness)
		assert.LessOrEqual(t, fresh, maxFreshness)
		v := newValidators(h)
		assert.Equal(t, printable(v.etag, 256), v.etag)
	})
}
