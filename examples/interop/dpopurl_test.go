//go:build unix

package interop_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// The URL that a client signs must be the one that the API was called by (RFC 9449 section
// 4.3), although clients, routers and gateways write it in several ways.
func TestDPoPURLs(t *testing.T) {
	eachLibrary(t, func(t *testing.T, i *issuer, library string) {
		client := newDPoPClient(t, i, library)
		direct := serveDPoP(t, i, dpop.Config{})
		// The gateway terminates TLS: the API sees http, another host, and another path.
		behind := serveDPoP(t, i, dpop.Config{Origins: []string{publicOrigin + ":443"}})
		gateway := startGateway(t, behind, "")
		stripped := startGateway(t, serveDPoP(t, i, dpop.Config{Origins: []string{publicOrigin + "/api"}}), "/api")

		for _, test := range []struct {
			name, url, to string
			htu           string // "": what the library makes of url
			status        int
		}{
			{"query", direct.URL + "/timesheets?from=2026-03-02&note=a%20b?", "", "", 200},
			{"query that is signed", direct.URL + "/timesheets?x=1", "", direct.URL + "/timesheets?x=1", 200},
			{"fragment that is signed", direct.URL + "/timesheets#x", "", direct.URL + "/timesheets#x", 200},
			{"%7E", direct.URL + "/timesheets/%7Ealice", "", "", 200},
			{"%7E, signed as ~", direct.URL + "/timesheets/%7Ealice", "", direct.URL + "/timesheets/~alice", 200},
			{"~, signed as %7e", direct.URL + "/timesheets/~alice", "", direct.URL + "/timesheets/%7ealice", 200},
			{"%7E that a gateway decodes", publicOrigin + "/timesheets/%7Ealice", gateway, "", 200},
			{"percent-encoded path", direct.URL + "/timesheets/j%C3%B6rn%20o", "", "", 200},
			{"percent-encoded path, in lower case", publicOrigin + "/timesheets/j%c3%b6rn", gateway, "", 200},
			{"| and ^", direct.URL + "/timesheets/auth0|1^2", "", "", 200},
			{"| and ^ that a gateway encodes", publicOrigin + "/timesheets/auth0|1^2", gateway, "", 200},
			{"behind a gateway", publicOrigin + "/timesheets", gateway, "", 200},
			{":443", publicOrigin + ":443/timesheets", gateway, "", 200},
			{":443 that is signed", publicOrigin + "/timesheets", gateway, publicOrigin + ":443/timesheets", 200},
			{"host in upper case", "HTTPS://Timesheets.Example.COM/timesheets", gateway, "", 200},
			{"another port", publicOrigin + ":8443/timesheets", gateway, "", 401},
			{"the address of the API behind the gateway", behind.URL + "/timesheets", "", "", 401},
			{"no path", publicOrigin, gateway, "", 200},
			{"slash at the end", direct.URL + "/timesheets/", "", "", 200},
			{"slash at the end that is not signed", direct.URL + "/timesheets/", "", direct.URL + "/timesheets", 401},
			{"slash at the end that is only signed", direct.URL + "/timesheets", "", direct.URL + "/timesheets/", 401},
			{"dot segments", direct.URL + "/v1/../timesheets/./alice", "", "", 200},
			{"StripPrefix", direct.URL + "/v1/timesheets", "", "", 200},
			{"StripPrefix, signed without the prefix", direct.URL + "/v1/timesheets", "", direct.URL + "/timesheets", 401},
			{"prefix that a gateway strips", publicOrigin + "/api/timesheets", stripped, "", 200},
			{"prefix that is not signed", publicOrigin + "/api/timesheets", stripped, publicOrigin + "/timesheets", 401},
		} {
			if test.htu != "" && library != "dpop" {
				continue // it makes the htu itself
			}
			got := client.call(t, dpopCall{URL: test.url, To: test.to, HTU: test.htu, Method: http.MethodGet})
			assert.Equal(t, []int{test.status}, got.statuses(), "%s: %s", test.name, got.Sent[0].claims(t)["htu"])
			if test.status == http.StatusUnauthorized {
				assert.Contains(t, got.Sent[0].Challenge, badProof, test.name)
			}
		}
	})
}
