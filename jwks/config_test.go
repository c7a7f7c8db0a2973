package jwks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
)

func TestConfigMistakes(t *testing.T) {
	const issuer = "https://issuer.example/"
	for name, tt := range map[string]struct {
		config  jwks.Config
		problem string
	}{
		"empty Config":         {jwks.Config{}, "jwks: Config.Issuer or Config.URL is required"},
		"relative issuer":      {jwks.Config{Issuer: "issuer.example"}, `invalid Config.Issuer "issuer.example": https is required`},
		"issuer is not a URL":  {jwks.Config{Issuer: "https://[::1"}, "not a URL"},
		"issuer without host":  {jwks.Config{Issuer: "https:///x"}, "a host is required"},
		"issuer over http":     {jwks.Config{Issuer: "http://issuer.example/"}, "name the host in Config.InsecureHTTPHosts"},
		"issuer over ftp":      {jwks.Config{Issuer: "ftp://issuer.example/"}, "https is required"},
		"issuer with query":    {jwks.Config{Issuer: issuer + "?a=b"}, "a query is not allowed"},
		"issuer, empty query":  {jwks.Config{Issuer: issuer + "?"}, "a query is not allowed"},
		"issuer with fragment": {jwks.Config{Issuer: issuer + "#a"}, "a fragment is not allowed"},
		"issuer with user":     {jwks.Config{Issuer: "https://me@issuer.example/"}, "a user name is not allowed"},
		"URL over http":        {jwks.Config{URL: "http://issuer.example/k"}, `invalid Config.URL "http://issuer.example/k": https is required`},
		"URL with fragment":    {jwks.Config{URL: "https://issuer.example/k#"}, "a fragment is not allowed"},
		"http is allowed on another host only": {
			jwks.Config{Issuer: "http://a.example", InsecureHTTPHosts: []string{"b.example"}}, "https is required",
		},
		"host with port":   {jwks.Config{Issuer: issuer, InsecureHTTPHosts: []string{"keycloak:8080"}}, `invalid Config.InsecureHTTPHosts entry "keycloak:8080"`},
		"host with scheme": {jwks.Config{Issuer: issuer, PrivateHosts: []string{"https://keys"}}, `invalid Config.PrivateHosts entry "https://keys"`},
		"empty host":       {jwks.Config{Issuer: issuer, PrivateHosts: []string{""}}, `invalid Config.PrivateHosts entry ""`},
		"negative RefreshAfter": {
			jwks.Config{Issuer: issuer, RefreshAfter: -1}, "invalid Config.RefreshAfter -1ns: negative",
		},
		"negative StaleWhileRevalidate": {
			jwks.Config{Issuer: issuer, StaleWhileRevalidate: -1}, "invalid Config.StaleWhileRevalidate -1ns: negative",
		},
		"negative MaxStale":                          {jwks.Config{Issuer: issuer, MaxStale: -1}, "invalid Config.MaxStale -1ns: negative"},
		"RefreshAfter without a unit":                {jwks.Config{Issuer: issuer, RefreshAfter: 900}, "invalid Config.RefreshAfter 900ns: less than 10ms"},
		"RefreshAfter over an hour":                  {jwks.Config{Issuer: issuer, RefreshAfter: time.Hour + 1}, "more than 1h0m0s"},
		"MaxStale within the window":                 {jwks.Config{Issuer: issuer, MaxStale: time.Hour - 1}, "less than RefreshAfter 15m0s plus StaleWhileRevalidate 45m0s"},
		"a window beyond MaxStale":                   {jwks.Config{Issuer: issuer, StaleWhileRevalidate: 24 * time.Hour}, "less than RefreshAfter"},
		"a huge window":                              {jwks.Config{Issuer: issuer, StaleWhileRevalidate: 1<<63 - 1}, "less than RefreshAfter"},
		"FetchLimit not from NewFetchLimit":          {jwks.Config{Issuer: issuer, FetchLimit: &jwks.FetchLimit{}}, "make it with NewFetchLimit"},
		"the default window of a short RefreshAfter": {jwks.Config{Issuer: issuer, RefreshAfter: time.Second, MaxStale: 3 * time.Second}, "plus StaleWhileRevalidate 3s"},
	} {
		t.Run(name, func(t *testing.T) {
			cache, err := jwks.New(tt.config)
			require.ErrorContains(t, err, tt.problem)
			assert.Nil(t, cache)
			for line := range strings.Lines(err.Error()) {
				assert.True(t, strings.HasPrefix(line, "jwks: "), line)
			}
		})
	}
}

func TestConfigMistakesAreReportedTogether(t *testing.T) {
	_, err := jwks.New(jwks.Config{
		URL:               "http://issuer.example/k",
		InsecureHTTPHosts: []string{"a:1", "b/2"},
		PrivateHosts:      []string{"c d"},
		RefreshAfter:      -time.Second,
		MaxStale:          -time.Second,
		FetchLimit:        &jwks.FetchLimit{},
	})
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 7)
}

func TestValidConfigs(t *testing.T) {
	for name, config := range map[string]jwks.Config{
		"issuer":                     {Issuer: "https://issuer.example"},
		"URL with a query":           {URL: "https://issuer.example/k?p=policy"},
		"issuer that is not a URL":   {Issuer: "kubernetes/serviceaccount", URL: "https://issuer.example/k"},
		"http on localhost":          {Issuer: "http://localhost:8080/realms/demo"},
		"http on 127.0.0.1":          {URL: "http://127.0.0.1:8080/k"},
		"http on all of 127.0.0.0/8": {URL: "http://127.9.9.9/k"},
		"http on ::1":                {URL: "http://[::1]:8080/k"},
		"http on a named host":       {Issuer: "http://keycloak:8080", InsecureHTTPHosts: []string{"Keycloak"}},
		"http on a named address":    {Issuer: "http://10.0.0.7:8080", InsecureHTTPHosts: []string{"10.0.0.7"}},
		"longest RefreshAfter":       {Issuer: "https://issuer.example", RefreshAfter: time.Hour},
		"shortest MaxStale":          {Issuer: "https://issuer.example", MaxStale: time.Hour},
		"shortest RefreshAfter":      {Issuer: "https://issuer.example", RefreshAfter: 10 * time.Millisecond},
		"a FetchLimit":               {Issuer: "https://issuer.example", FetchLimit: jwks.NewFetchLimit(-1)},
		"hosts of every kind":        {Issuer: "https://issuer.example", PrivateHosts: []string{"a", "a.b_c-d.", "10.0.0.1", "::1", "[::1]"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jwks.New(config)
			assert.NoError(t, err)
		})
	}
}
