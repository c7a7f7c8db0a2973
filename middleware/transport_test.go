package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/middleware"
)

const (
	none         = "none"          // 401 without an error: no bearer token
	badRequest   = "bad request"   // 400 invalid_request
	invalidToken = "invalid token" // 401 invalid_token
)

// kindOf returns what kind of answer a is.
func kindOf(t *testing.T, a answer) string {
	t.Helper()
	switch {
	case a.Status == http.StatusOK:
		return a.Body
	case a.Status == http.StatusUnauthorized && a.Challenge["error"] == "":
		assert.NotContains(t, a.Challenge, "error_description", "RFC 6750 section 3.1: no other error information")
		return none
	case a.Status == http.StatusUnauthorized && a.Challenge["error"] == "invalid_token":
		return invalidToken
	case a.Status == http.StatusBadRequest && a.Challenge["error"] == "invalid_request":
		return badRequest
	}
	t.Errorf("unexpected answer: %d %v", a.Status, a.Challenge)
	return ""
}

// RFC 6750 section 2.1 and RFC 9110 sections 5 and 11: the grammar of a credential.
func TestAuthorizationField(t *testing.T) {
	const good, ours = goodToken, "subject alice"
	for _, tt := range []struct {
		rule   string // with its source
		fields []string
		want   string
	}{
		{"Bearer and a b64token (RFC 6750 section 2.1)", []string{"Bearer " + good}, ours},
		{"scheme in lower case (RFC 9110 section 11.1)", []string{"bearer " + good}, ours},
		{"scheme in upper case (RFC 9110 section 11.1)", []string{"BEARER " + good}, ours},
		{"scheme in mixed case (RFC 9110 section 11.1)", []string{"bEaReR " + good}, ours},
		{"two spaces (RFC 6750 section 2.1: 1*SP)", []string{"Bearer  " + good}, ours},
		{"five spaces (RFC 6750 section 2.1: 1*SP)", []string{"Bearer     " + good}, ours},
		{"a tab is no space (RFC 6750 section 2.1)", []string{"Bearer\t" + good}, badRequest},
		{"a space and a tab (RFC 6750 section 2.1)", []string{"Bearer \t" + good}, badRequest},
		{"white space around the value is no part of it (RFC 9110 section 5.5)", []string{" \tBearer " + good + "\t "}, ours},

		{"no field (RFC 6750 section 3.1)", nil, none},
		{"empty field (RFC 6750 section 3.1)", []string{""}, none},
		{"blank field (RFC 6750 section 3.1)", []string{" \t "}, none},
		{"Bearer without a token (RFC 6750 section 3.1)", []string{"Bearer"}, badRequest},
		{"Bearer and a space (RFC 6750 section 3.1)", []string{"Bearer "}, badRequest},
		{"Bearer and only padding (RFC 6750 section 2.1)", []string{"Bearer ="}, badRequest},

		{"Basic is another scheme (RFC 9110 section 11.6.2)", []string{"Basic YTpi"}, none},
		{"Token is another scheme (RFC 9110 section 11.6.2)", []string{"Token " + good}, none},
		{"BearerX is another scheme (RFC 9110 section 11.6.2)", []string{"BearerX " + good}, none},
		{"Bearer: is another scheme (RFC 9110 section 11.6.2)", []string{"Bearer: " + good}, none},
		{"Bearer= is another scheme (RFC 9110 section 11.6.2)", []string{"Bearer=" + good}, none},
		{"DPoP is another scheme (RFC 9449 section 7.1)", []string{"DPoP " + good}, none},
		{"a token without a scheme (RFC 9110 section 11.4)", []string{good}, none},
		{"a long s is no s (RFC 9110 section 11.1)", []string{"Bearer\u017f " + good}, none},

		{"comma list (RFC 9110 section 5.3)", []string{"Bearer " + good + ", Bearer x"}, badRequest},
		{"comma list after another scheme (RFC 9110 section 5.3)", []string{"Basic YTpi, Bearer " + good}, none},
		{"two fields, good first (RFC 9110 section 5.3)", []string{"Bearer " + good, "Bearer x"}, badRequest},
		{"two fields, good last (RFC 9110 section 5.3)", []string{"Bearer x", "Bearer " + good}, badRequest},
		{"two fields, both good (RFC 9110 section 5.3)", []string{"Bearer " + good, "Bearer " + good}, badRequest},
		{"two fields, one of another scheme (RFC 9110 section 5.3)", []string{"Basic YTpi", "Bearer " + good}, badRequest},
		{"two fields, one empty (RFC 9110 section 5.3)", []string{"", "Bearer " + good}, badRequest},

		{"second word (RFC 6750 section 2.1)", []string{"Bearer " + good + " x"}, badRequest},
		{"duplicate scheme (RFC 6750 section 2.1)", []string{"Bearer Bearer " + good}, badRequest},
		{"quotes (RFC 6750 section 2.1)", []string{`Bearer "` + good + `"`}, badRequest},
		{"as a parameter (RFC 6750 section 2.1)", []string{`Bearer token="` + good + `"`}, badRequest},
		{"not ASCII (RFC 6750 section 2.1)", []string{"Bearer " + good + "é"}, badRequest},
		{"NUL (RFC 6750 section 2.1)", []string{"Bearer " + good + "\x00"}, badRequest},
		{"line break (RFC 6750 section 2.1)", []string{"Bearer " + good + "\r\nX: y"}, badRequest},
		{"percent (RFC 6750 section 2.1)", []string{"Bearer " + good + "%2E"}, badRequest},
		{"padding inside (RFC 6750 section 2.1)", []string{"Bearer a=b"}, badRequest},

		{"every character of a b64token (RFC 6750 section 2.1)", []string{"Bearer azAZ09-._~+/=="}, invalidToken},
		{"another token", []string{"Bearer x"}, invalidToken},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth := newAuth(t, accepting(t, `{"sub":"alice"}`))
			got := kindOf(t, serve(t, auth.Handler(whoami), get(tt.fields...)))
			assert.Equal(t, tt.want, got)

			// Optional differs only without a token.
			want := tt.want
			if want == none {
				want = "anonymous"
			}
			assert.Equal(t, want, kindOf(t, serve(t, auth.Optional(whoami), get(tt.fields...))))
		})
	}
}

// What net/http makes of a request from the network.
func TestFieldNamesAndWhiteSpaceOnTheWire(t *testing.T) {
	auth := newAuth(t, accepting(t, `{"sub":"alice"}`)).Handler(whoami)
	for rule, line := range map[string]string{
		"field name in lower case (RFC 9110 section 5.1)": "authorization: Bearer " + goodToken,
		"field name in upper case (RFC 9110 section 5.1)": "AUTHORIZATION: Bearer " + goodToken,
		"white space around (RFC 9110 section 5.5)":       "authorization: \t Bearer " + goodToken + " \t ",
		"none before the value (RFC 9110 section 5)":      "Authorization:Bearer " + goodToken,
	} {
		t.Run(rule, func(t *testing.T) {
			assert.Equal(t, "subject alice", serve(t, auth, raw(t, line)).Body)
		})
	}
	t.Run("two lines are two fields (RFC 9110 section 5.3)", func(t *testing.T) {
		r := raw(t, "Authorization: Bearer "+goodToken, "authorization: Bearer x")
		assert.Equal(t, badRequest, kindOf(t, serve(t, auth, r)))
	})
}

// RFC 9700 section 4.3.2 and RFC 6750 section 2: only the header field is read.
func TestATokenAnywhereElseIsNotSeen(t *testing.T) {
	form := func(method, contentType, body string) *http.Request {
		r := httptest.NewRequest(method, "https://api.example.test/", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		return r
	}
	field := func(name, value string) *http.Request {
		r := get()
		r.Header.Set(name, value)
		return r
	}
	trailer := get()
	trailer.Trailer = http.Header{"Authorization": {"Bearer " + goodToken}}
	otherKey := get()
	otherKey.Header["authorization"] = []string{"Bearer " + goodToken} // set by code, not by net/http

	for rule, r := range map[string]*http.Request{
		"query (RFC 9700 section 4.3.2)":                httptest.NewRequest(http.MethodGet, "/?access_token="+goodToken, nil),
		"form (RFC 6750 section 2.2)":                   form("POST", "application/x-www-form-urlencoded", "access_token="+goodToken),
		"form with GET (RFC 6750 section 2.2)":          form("GET", "application/x-www-form-urlencoded", "access_token="+goodToken),
		"JSON body (RFC 6750 section 2.2)":              form("POST", "application/json", `{"access_token":"`+goodToken+`"}`),
		"cookie (RFC 6750 section 2)":                   field("Cookie", "access_token="+goodToken),
		"Proxy-Authorization (RFC 9110 section 11.7.2)": field("Proxy-Authorization", "Bearer "+goodToken),
		"X-Forwarded-Authorization":                     field("X-Forwarded-Authorization", "Bearer "+goodToken),
		"X-Access-Token":                                field("X-Access-Token", goodToken),
		"trailer (RFC 9110 section 6.5.1)":              trailer,
		"field name that net/http never makes":          otherKey,
	} {
		t.Run(rule, func(t *testing.T) {
			auth := newAuth(t, accepting(t, `{"sub":"alice"}`))
			assert.Equal(t, none, kindOf(t, serve(t, auth.Handler(whoami), r)))
		})
	}
	t.Run("a bad header and a good query (RFC 6750 section 2)", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodGet, "/?access_token="+goodToken, nil)
		r.Header.Set("Authorization", "Bearer x")
		auth := newAuth(t, accepting(t, `{"sub":"alice"}`))
		assert.Equal(t, invalidToken, kindOf(t, serve(t, auth.Handler(whoami), r)))
	})
	t.Run("the body is left for the handler", func(t *testing.T) {
		r := form("POST", "application/x-www-form-urlencoded", "a=b")
		r.Header.Set("Authorization", "Bearer "+goodToken)
		auth := newAuth(t, accepting(t, `{"sub":"alice"}`))
		echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = r.Write(w) })
		assert.Contains(t, serve(t, auth.Handler(echo), r).Body, "a=b")
	})
}

// RFC 9110 section 9.3.2: no method avoids the check.
func TestEveryMethodIsCovered(t *testing.T) {
	auth := newAuth(t, accepting(t, `{"sub":"alice"}`)).Handler(whoami)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO"} {
		t.Run(method, func(t *testing.T) {
			a := serve(t, auth, httptest.NewRequest(method, "/", nil))
			assert.Equal(t, none, kindOf(t, a))
			if method == http.MethodHead {
				assert.Empty(t, a.Body, "RFC 9110 section 9.3.2: HEAD has no content")
				assert.NotEmpty(t, a.Header.Get("Content-Length"), "RFC 9110 section 8.6: HEAD has the length")
			}
		})
	}
}

func TestTokenLength(t *testing.T) {
	asked := 0
	auth := newAuth(t, counting(&asked), func(c *middleware.Config) { c.MaxTokenBytes = 8 })
	for _, tt := range []struct {
		rule, field, want string
		asked             int
	}{
		{"at the limit", "Bearer 12345678", invalidToken, 1},
		{"over the limit", "Bearer 123456789", invalidToken, 0},
		{"over the limit and malformed, which is not checked", "Bearer 1234, Bearer 5", invalidToken, 0},
		{"spaces do not count", "Bearer          12345678", invalidToken, 1},
		{"another scheme has no limit", "Basic 1234567890", none, 0},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			asked = 0
			assert.Equal(t, tt.want, kindOf(t, serve(t, auth.Handler(whoami), get(tt.field))))
			assert.Equal(t, tt.asked, asked)
		})
	}
	t.Run("16 KiB by default", func(t *testing.T) {
		auth := newAuth(t, counting(&asked))
		asked = 0
		serve(t, auth.Handler(whoami), get("Bearer "+strings.Repeat("a", 16<<10)))
		assert.Equal(t, 1, asked)
		serve(t, auth.Handler(whoami), get("Bearer "+strings.Repeat("a", 16<<10+1)))
		assert.Equal(t, 1, asked)
	})
}
