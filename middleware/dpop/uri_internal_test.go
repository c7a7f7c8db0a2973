package dpop

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzURI compares the normal form with net/url. It must also be its own normal form, and a
// target with the same path must have the same one.
func FuzzURI(f *testing.F) {
	for _, seed := range []string{
		"", "https://a", "HTTPS://A.b:443/x/../%7e?q#f", "http://[::1]:80//a/./", "https://u@h/", "https://a/%", "https://a:b/", "https://a/%2e%2E/%c3",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		at, normal, err := splitURI(uri)
		if err != nil {
			require.Empty(t, normal)
			return
		}
		again, same, err := splitURI(at.scheme + "://" + at.host + normal)
		require.NoError(t, err)
		require.Equal(t, at, again)
		require.Equal(t, normal, same)
		target, err := pathOf(normal + "?q")
		require.NoError(t, err)
		require.Equal(t, normal, target)

		if cut := strings.IndexAny(uri, "?#"); cut >= 0 {
			uri = uri[:cut] // net/url reads queries and fragments, and refuses some
		}
		u, err := url.Parse(uri)
		require.NoError(t, err)
		require.Equal(t, strings.ToLower(u.Scheme), at.scheme)
		require.Nil(t, u.User)
		name, port := at.cutPort()
		require.Equal(t, strings.ToLower(u.Hostname()), strings.Trim(name, "[]"))
		if port != "" {
			require.Equal(t, u.Port(), port)
		}
		// path.Clean drops empty segments as well, so both sides go through it.
		unescaped, err := url.PathUnescape(normal)
		require.NoError(t, err)
		if !strings.Contains(strings.ToUpper(u.EscapedPath()), "%2F") && !strings.Contains(u.Path, "//") {
			require.Equal(t, path.Clean("/"+u.Path), path.Clean(unescaped))
		}
	})
}
