package forwardauth_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

// What passes means the same for a backend that decodes, one that decodes twice, one that cleans
// the path, and one that does neither.
func TestTargets(t *testing.T) {
	h := newHandler(t, forwardauth.Config{Routes: everything(t)})
	for _, tt := range []struct {
		rule    string
		status  int
		targets []string
	}{
		{"plain paths", 200, []string{"/", "/a", "/a/", "/a/b", "/a.b", "/.well-known/x", "/a..b", "/...", "/a/..b/b../x.", "/~a", "/-_"}},
		{"delimiters that are only text in a path", 200, []string{"/a:b", "/a@b", "/a,b", "/a=b&c", "/$a", "/(a)", "/a*", "/a+b", "/it's!"}},
		{"what must be percent-encoded", 200, []string{"/a%20b", "/caf%C3%A9", "/%E2%82%AC", "/%22%3C%3E%5B%5D%5E%60%7B%7C%7D", "/100%25", "/a%25zz", "/a%25u", "/a%25use", "/a%C2%A0"}},
		{"delimiters that are percent-encoded", 200, []string{"/a%3Ab", "/a%40b", "/a%2Bb", "/a%24", "/a%2C"}},
		{"queries, whatever they have", 200, []string{"/?", "/a?b", "/a?b?c", "/?/../x//%2e%2F;%00\\", "/a?b=[{|}]^`\"<>"}},

		{"no path", 400, []string{"", "?", "?a", "a", "a/b", "*", ".", "..", "%2F"}},
		{"another form than the origin-form", 400, []string{"http://api.example.com/a", "https://h", "api.example.com:443", "//api.example.com/a", "file:///a"}},
		{"dot segments", 400, []string{"/.", "/..", "/./", "/../", "/a/.", "/a/..", "/a/./b", "/a/../b", "/..?x", "/a/..?/x"}},
		{"encoded dot segments", 400, []string{"/%2e", "/%2E%2e", "/a/%2e%2e/b", "/a/.%2E/b", "/a/%2E./b", "/a/..%2fb", "/a/..%5Cb"}},
		{"doubly encoded ones", 400, []string{"/%252e%252e/a", "/%252E", "/a%252Fb", "/a%25252Fb", "/%25%32%65", "/a%255cb", "/a%25u002fb", "/a%25U002Eb"}},
		{"empty segments", 400, []string{"//", "//a", "/a//", "/a//b", "///", "/a///b", "//?x"}},
		{"encoded slashes", 400, []string{"/a%2Fb", "/a%2fb", "/%2F", "/a/%2F", "/%2F%2Fa"}},
		{"backslashes", 400, []string{`/\`, `/a\b`, `/a\..\b`, "/a%5Cb", "/a%5cb", `\a`}},
		{"path parameters", 400, []string{"/a;b", "/a;b=c/d", "/..;/a", "/a/..;x/b", "/;", "/a%3Bb", "/a%3bb"}},
		{"encoded delimiters that end a path", 400, []string{"/a%3Fb", "/a%3fb", "/a%23b"}},
		{"encoded unreserved characters", 400, []string{"/%61", "/%41", "/a%30", "/a%2Db", "/a%5Fb", "/%7E", "/%7e", "/a%2eb"}},
		{"lower case in triplets", 400, []string{"/caf%c3%a9", "/%e2%82%ac", "/a%3ab", "/a%2bb"}},
		{"broken triplets", 400, []string{"/%", "/%a", "/%2", "/%zz", "/%2G", "/%%20", "/a%", "/%u0061", "/%+1"}},
		{"control characters", 400, []string{"/%00", "/a%0A", "/a%0D%0Ab", "/%1F", "/%7F", "/a\x00", "/a\nb", "/a\r\nX: y", "/a\tb", "/\x7f", "/a?\x00", "/a?\n"}},
		{"control characters outside of ASCII", 400, []string{"/a%C2%80", "/%C2%85", "/a%C2%85b", "/a%C2%9F"}},
		{"spaces", 400, []string{" /", "/ ", "/a b", "/a ?b", "/a?b c", " "}},
		{"what is not ASCII", 400, []string{"/café", "/\xff", "/a?é", "/\u202e", "/a\u2028"}},
		{"octets that are not UTF-8", 400, []string{"/%C0%AF", "/%C0%AE%C0%AE/a", "/%E0%80%AF", "/%FF", "/%C3", "/%C3/%A9", "/%ED%A0%80"}},
		{"fragments", 400, []string{"/#", "/a#b", "/a?b#c", "#"}},
		{"characters that can be in no path", 400, []string{`/"`, "/<a>", "/[a]", "/a^b", "/a`b", "/{a}", "/a|b"}},
		{"long targets", 400, []string{"/" + strings.Repeat("a", 8<<10), "/?" + strings.Repeat("a", 8<<10)}},
		{"the longest", 200, []string{"/" + strings.Repeat("a", 8<<10-1), "/?" + strings.Repeat("a", 8<<10-2)}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			for _, target := range tt.targets {
				got := ask(h, "GET", target)
				assert.Equal(t, tt.status, got.Code, "%.40q", target)
				if tt.status == 400 {
					assert.Equal(t, `{"type":"about:blank","title":"Bad Request","status":400,`+
						`"detail":"The method or the target of the request is not in normal form"}`, got.Body.String())
				}
			}
		})
	}
}

func TestMethods(t *testing.T) {
	h := newHandler(t, forwardauth.Config{Routes: everything(t)})
	for status, methods := range map[int][]string{
		200: {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "M-SEARCH", "VERSION-CONTROL", "X_1", "A", strings.Repeat("A", 32)},
		403: {"CONNECT"}, // needs a pattern of its own
		400: {"", "get", "Get", "GEt", " GET", "GET ", "GET,POST", "GET, POST", "G\x00T", "GET\r\n", "1", "-A", "_", "G:T", "GÉT", "*", strings.Repeat("A", 33)},
	} {
		for _, method := range methods {
			assert.Equal(t, status, ask(h, method, "/").Code, "%q", method)
		}
	}
}
