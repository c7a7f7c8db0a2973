package fetch

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What would help is named, and what never helps too.
func TestD6RefusedRedirectSaysWhatWouldHelp(t *testing.T) {
	const (
		same  = "a redirect on the same host: to follow it, set Config.AllowRedirects"
		other = `a redirect to host "keys.example", which is never followed: if it is right, configure an address on that host`
		plain = "a redirect that is not to https, which is never followed"
		port  = "a redirect to another port or spelling of the host, which is never followed"
		none  = "a redirect without an address that can be used"
		many  = "more than 3 redirects"
	)
	for name, tt := range map[string]struct {
		from, location string
		allowed        bool
		want           string
	}{
		"another path":              {"https://issuer.example/keys", "/certs", false, same},
		"another path, absolute":    {"https://issuer.example/keys", "https://issuer.example/certs", false, same},
		"itself":                    {"https://issuer.example/keys", "", false, none},
		"no URL":                    {"https://issuer.example/keys", "https://%zz/", false, none},
		"an odd host":               {"https://issuer.example/keys", `https://a"b/`, false, none},
		"a long host":               {"https://issuer.example/keys", "https://" + strings.Repeat("a", 300) + "/", false, none},
		"no host":                   {"https://issuer.example/keys", "mailto:me", false, none},
		"another host":              {"https://issuer.example/keys", "https://keys.example/x?secret", false, other},
		"another host, allowed":     {"https://issuer.example/keys", "https://keys.example/x?secret", true, other},
		"another host by http":      {"https://issuer.example/keys", "http://keys.example/", true, other},
		"a host below":              {"https://issuer.example/keys", "https://keys.example:8443/", true, other},
		"http":                      {"https://issuer.example/keys", "http://issuer.example/keys", true, plain},
		"http to http":              {"http://issuer.example/keys", "/certs", true, plain},
		"http to https":             {"http://issuer.example/keys", "https://issuer.example/keys", false, same},
		"another port":              {"https://issuer.example/keys", "https://issuer.example:8443/keys", true, port},
		"the default port, written": {"https://issuer.example/keys", "https://issuer.example:443/keys", true, port},
		"another case":              {"https://issuer.example/keys", "https://Issuer.example/keys", true, port},
		"a chain":                   {"https://issuer.example/keys", "/certs", true, many},
	} {
		t.Run(name, func(t *testing.T) {
			from, err := url.Parse(tt.from)
			require.NoError(t, err)
			got := refusedRedirect(from, tt.location, tt.allowed)
			assert.Equal(t, tt.want, got)
			assert.NotContains(t, got, "secret")

			// The advice is right: with AllowRedirects, exactly this one would be followed.
			if to, err := from.Parse(tt.location); err == nil && tt.location != "" {
				follows := redirectPolicy(true)(&http.Request{URL: to}, []*http.Request{{URL: from}}) == nil
				assert.Equal(t, tt.want == same || tt.want == many, follows)
			}
		})
	}
}

// The client of the caller need not say which request an answer belongs to.
func TestD6RefusedRedirectIsAnErrorOfItsStatus(t *testing.T) {
	client := New(Config{Address: "https://issuer.example/", Client: &http.Client{
		Transport: roundTripFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"/certs"}}, Body: http.NoBody}, nil
		}),
	}})
	_, err := client.Get(t.Context(), Request{What: "jwks: key set", URL: "https://issuer.example/keys"})
	require.EqualError(t, err, "jwks: key set: status 307, a redirect on the same host: to follow it, set Config.AllowRedirects")
	assert.True(t, Answered(err))
}

// Only answers that net/http can follow are redirects.
func TestStatusesThatAreRedirects(t *testing.T) {
	for status := 100; status < 600; status++ {
		follows := map[int]bool{301: true, 302: true, 303: true, 307: true, 308: true}
		assert.Equal(t, follows[status], isRedirect(status), status)
	}
}

func FuzzRefusedRedirect(f *testing.F) {
	for _, location := range []string{"/certs", "https://keys.example/", "http://issuer.example/", "https://[::1]:1/", "//x", "\x00"} {
		f.Add(location)
	}
	from := &url.URL{Scheme: "https", Host: "issuer.example", Path: "/keys"}
	f.Fuzz(func(t *testing.T, location string) {
		text := refusedRedirect(from, location, false)
		assert.Less(t, len(text), 400)
		assert.Equal(t, Printable(text, 400), text)
	})
}
