package forwardauth_test

import (
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// reference are the patterns of FuzzTarget, the most specific ones first, as another matcher reads
// them: a regular expression for the decoded path.
var reference = []struct{ pattern, method, path string }{
	{"GET /{$}", "GET", `/`},
	{"GET /a/new", "GET", `/a/new`},
	{"GET /v1/items:get", "GET", `/v1/items:get`},
	{"GET /v1/{name}", "GET", `/v1/[^/]+`},
	{"/a/{id}", "", `/a/[^/]+`},
	{"POST /files/", "POST", `/files/.*`},
	{"GET /docs/{rest...}", "GET", `/docs/.*`},
}

// matching returns the pattern for a request, or "".
func matching(method, path string) string {
	for _, r := range reference {
		right := r.method == "" || r.method == method || r.method == "GET" && method == "HEAD"
		if right && regexp.MustCompile(`(?s)^`+r.path+`$`).MatchString(path) {
			return r.pattern
		}
	}
	return ""
}

// FuzzTarget shows that what passes is unchanged by whatever a backend can do with a path: decode
// it once or twice, clean it, cut it at a delimiter, or read it as it is. And it passes by the
// right route.
func FuzzTarget(f *testing.F) {
	for _, target := range []string{
		"/", "/a/7", "/a/new", "/a/n%65w", "/a/b%20c", "/a/%2e%2e/docs/x", "/docs/a/b?c", "/docs/a//b", "/docs/../a/new", "/files/x/", "/files",
		"/v1/items:get", "/v1/items%3Aget", "/v1/a%40b", "/a/..;/x", "/a/x;y", "/a/%252e", "/a/100%25", "/a/%C0%AF", "/a/%E2%82%AC", "//a/7",
		`/a\7`, "http://x/a/7", "*", "/a/%00", "/a/7#", "/a/7%23", "/a/%5C", "/docs/%25%32%65", "/docs/%25u002F", "/docs/%C2%85",
	} {
		f.Add("GET", target)
	}
	f.Add("POST", "/files/a")
	f.Add("HEAD", "/a/new")
	f.Add("get", "/a/new")
	f.Add("GET, POST", "/a/new")
	var patterns []string
	for _, r := range reference {
		patterns = append(patterns, r.pattern)
	}
	var matched string
	h := tabled(f, &matched, patterns...)
	f.Fuzz(func(t *testing.T, method, target string) {
		matched = ""
		got := ask(h, method, target, bearer)
		if got.Code != 200 {
			require.Empty(t, matched)
			require.Contains(t, []int{400, 403}, got.Code)
			require.NotContains(t, got.Header(), "Www-Authenticate")
			return
		}
		raw, _, _ := strings.Cut(target, "?")
		once, err := url.PathUnescape(raw)
		require.NoError(t, err)
		twice, err := url.PathUnescape(once)
		if err != nil { // a single percent sign
			twice = once
		}
		for _, p := range []string{raw, once, twice} {
			clean := path.Clean(p)
			if strings.HasSuffix(p, "/") && clean != "/" {
				clean += "/"
			}
			require.Equal(t, p, clean, "cleaned")
			require.NotContains(t, p, `\`)
			require.NotContains(t, p, ";")
			require.NotContains(t, p, "#")
			require.NotContains(t, p, "?")
			require.NotContains(t, p, "\x00")
			require.Equal(t, strings.Count(raw, "/"), strings.Count(p, "/"), "the same segments")
			require.True(t, utf8.ValidString(p))
			require.False(t, strings.ContainsFunc(p, unicode.IsControl))
		}
		u, err := url.ParseRequestURI(target)
		require.NoError(t, err)
		require.Equal(t, raw, u.EscapedPath(), "net/url sends it as it came")
		require.Equal(t, once, u.Path)
		require.Equal(t, strings.ToUpper(method), method)
		require.NotEmpty(t, matched)
		require.Equal(t, matching(method, once), matched, "decoded")
		require.Equal(t, matching(method, raw), matched, "as it was sent")
	})
}

// FuzzClaims shows that a claim goes out as one line of visible ASCII, or not at all.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{"alice", "", " ", "a b", "a\r\nb", "é", "\x00", "a\x7f", "\uff41", strings.Repeat("a", 2049)} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		got := fieldOf(t, one, two)
		if got == "" {
			return
		}
		require.Equal(t, []string{one, two}, strings.Split(got, " "), "both, or none")
		require.Regexp(t, `^[!-~]+ [!-~]+$`, got)
		require.LessOrEqual(t, len(got), 2048)
	})
}
