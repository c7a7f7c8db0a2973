package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims/explain"
)

const (
	pageHost = "127.0.0.1:4711"
	pagePath = "/RANDOM/"
)

// A visit is a request for the page, and what the page explains.
type visit struct {
	method, host, target, body string
	header                     map[string]string
	flags                      []string
	report                     explain.Report

	tokens  []string
	options explain.Options
}

func (v *visit) make(t *testing.T) *http.Response {
	t.Helper()
	s, err := parse(explainArgs(v.flags...)[1:])
	require.NoError(t, err)
	p := newPage(pageHost, pagePath, s, func(_ context.Context, token string, o explain.Options) explain.Report {
		v.tokens, v.options = append(v.tokens, token), o
		return v.report
	})
	r := httptest.NewRequest(v.method, "http://"+pageHost+v.target, strings.NewReader(v.body))
	if v.host != "" {
		r.Host = v.host
	}
	if v.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range v.header {
		r.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	p.ServeHTTP(recorder, r)
	return recorder.Result()
}

func posted(form url.Values) *visit {
	return &visit{method: http.MethodPost, target: pagePath, body: form.Encode(), report: refusedFor("aud", "audience")}
}

func bodyOf(t *testing.T, r *http.Response) string {
	t.Helper()
	var b strings.Builder
	_, err := copyAll(&b, r.Body)
	require.NoError(t, err)
	return b.String()
}

// The page answers only what its own form asks, under its own name.
func TestPageRefuses(t *testing.T) {
	form := url.Values{"token": {hello}}.Encode()
	for name, test := range map[string]struct {
		visit  visit
		status int
	}{
		"another host":               {visit{method: "GET", target: pagePath, host: "attacker.example:4711"}, 421},
		"another port":               {visit{method: "GET", target: pagePath, host: "127.0.0.1:80"}, 421},
		"no port":                    {visit{method: "GET", target: pagePath, host: "127.0.0.1"}, 421},
		"localhost":                  {visit{method: "GET", target: pagePath, host: "localhost:4711"}, 421},
		"another host, POST":         {visit{method: "POST", target: pagePath, host: "attacker.example:4711", body: form}, 421},
		"another path":               {visit{method: "GET", target: "/"}, 404},
		"a part of the path":         {visit{method: "GET", target: "/RANDOM"}, 404},
		"below the path":             {visit{method: "GET", target: pagePath + "x"}, 404},
		"the path in lower case":     {visit{method: "GET", target: "/random/"}, 404},
		"favicon":                    {visit{method: "GET", target: "/favicon.ico"}, 404},
		"a POST elsewhere":           {visit{method: "POST", target: "/", body: form}, 404},
		"PUT":                        {visit{method: "PUT", target: pagePath, body: form}, 405},
		"DELETE":                     {visit{method: "DELETE", target: pagePath}, 405},
		"HEAD":                       {visit{method: "HEAD", target: pagePath}, 405},
		"OPTIONS":                    {visit{method: "OPTIONS", target: pagePath}, 405},
		"a POST of another site":     {visit{method: "POST", target: pagePath, body: form, header: map[string]string{"Sec-Fetch-Site": "cross-site"}}, 403},
		"a POST of another port":     {visit{method: "POST", target: pagePath, body: form, header: map[string]string{"Sec-Fetch-Site": "same-site"}}, 403},
		"a POST of another origin":   {visit{method: "POST", target: pagePath, body: form, header: map[string]string{"Origin": "http://127.0.0.1:80"}}, 403},
		"a POST of an opaque origin": {visit{method: "POST", target: pagePath, body: form, header: map[string]string{"Origin": "null"}}, 403},
		"a body that is too long":    {visit{method: "POST", target: pagePath, body: "token=" + strings.Repeat("x", maxForm)}, 413},
		"a token that is too long":   {visit{method: "POST", target: pagePath, body: "token=" + strings.Repeat("x", maxInput+1)}, 422},
		"an empty token":             {visit{method: "POST", target: pagePath, body: "token="}, 422},
		"no form":                    {visit{method: "POST", target: pagePath, body: form, header: map[string]string{"Content-Type": "text/plain"}}, 422},
		"a broken form":              {visit{method: "POST", target: pagePath, body: "token=%zz"}, 400},
		"a token in the address":     {visit{method: "POST", target: pagePath + "?" + form}, 422},
		"what is no scope":           {visit{method: "POST", target: pagePath, body: form + "&scopes=%22"}, 422},
		"too many scopes":            {visit{method: "POST", target: pagePath, body: form + "&scopes=" + strings.Repeat("a+", 33)}, 422},
	} {
		t.Run(name, func(t *testing.T) {
			response := test.visit.make(t)
			assert.Equal(t, test.status, response.StatusCode)
			assert.Empty(t, test.visit.tokens, "explained all the same")
			assert.NotContains(t, bodyOf(t, response), hello)
			checkPageHeaders(t, response)
		})
	}
}

func checkPageHeaders(t *testing.T, response *http.Response) {
	t.Helper()
	assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	assert.Equal(t, "no-referrer", response.Header.Get("Referrer-Policy"))
	assert.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
	assert.Regexp(t, "^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; form-action 'self'; "+
		"base-uri 'none'; frame-ancestors 'none'$", response.Header.Get("Content-Security-Policy"))
	assert.Empty(t, response.Header.Get("Access-Control-Allow-Origin"))
	assert.Empty(t, response.Header.Get("Set-Cookie"))
}

func TestPageShowsItsForm(t *testing.T) {
	v := &visit{method: http.MethodGet, target: pagePath + "?token=" + hello, flags: []string{"-scope", "read:x"}}
	response := v.make(t)
	body := bodyOf(t, response)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "text/html; charset=utf-8", response.Header.Get("Content-Type"))
	checkPageHeaders(t, response)
	assert.Contains(t, body, `<form method="post" action="/RANDOM/"`)
	assert.Contains(t, body, `name="scopes" value="read:x"`)
	assert.Contains(t, body, issuerURL)
	assert.NotContains(t, body, hello)
	assert.Empty(t, v.tokens)
}

// The policy allows exactly the style of the page, and the page has nothing else to run.
func TestPageHasOneStyleAndNoScript(t *testing.T) {
	response := posted(url.Values{"token": {hello}}).make(t)
	body := bodyOf(t, response)
	styles := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(body, -1)
	require.Len(t, styles, 1)
	hash := sha256.Sum256([]byte(styles[0][1]))
	assert.Contains(t, response.Header.Get("Content-Security-Policy"),
		"style-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"';")
	for _, forbidden := range []string{"<script", ` style=`, ` on[a-z]+=`, "<img", "<link", "<iframe", "javascript:", `url\(`, "@import", " src="} {
		assert.False(t, regexp.MustCompile("(?i)"+forbidden).MatchString(body), forbidden)
	}
}

func TestPageExplains(t *testing.T) {
	token := signed(`{"alg":"ES256"}`, `{"exp":1796127780,"email":"a@b.example","aud":"https://other.example"}`)
	v := posted(url.Values{"token": {token + "\r\n"}, "scopes": {" read:x  write:x "}})
	response := v.make(t)
	body := bodyOf(t, response)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	checkPageHeaders(t, response)
	require.Equal(t, []string{token}, v.tokens)
	assert.Equal(t, explain.Options{Fetch: true, Scopes: []string{"read:x", "write:x"}}, v.options)
	for _, want := range []string{
		">refused: audience (token is for another audience)</h2>", "&#34;https://api.example&#34;", "&#34;https://other.example&#34;",
		"RFC 7519 section 4.1.3", "Request a token for https://api.example.", ">not reached<", "in 23 min", "[redacted]",
		"The signature of 64 bytes is not shown", `value="read:x write:x"`,
	} {
		assert.Contains(t, body, want)
	}
	assert.NotContains(t, body, "a@b.example")
	assert.NotContains(t, body, token[strings.LastIndex(token, ".")+1:])
	assert.NotContains(t, body, token[:20])
}

func TestPageShowsPersonalClaimsIfAsked(t *testing.T) {
	v := posted(url.Values{"token": {signed(`{}`, `{"email":"a@b.example"}`)}})
	v.flags = []string{"-show-personal"}
	assert.Contains(t, bodyOf(t, v.make(t)), "a@b.example")
}

// Only the flags of the command choose an issuer, and whether it is asked.
func TestPageCannotChooseAnIssuer(t *testing.T) {
	v := posted(url.Values{
		"token": {hello}, "issuer": {"https://evil.example/"}, "audience": {"evil"}, "jwks": {"/etc/passwd"}, "fetch": {"1"},
	})
	v.flags = []string{"-jwks", "keys.json"}
	body := bodyOf(t, v.make(t))
	assert.NotContains(t, body, "evil")
	assert.NotContains(t, body, "passwd")
	assert.False(t, v.options.Fetch)
}

func TestPageEscapes(t *testing.T) {
	const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>` + "\u202e\u009b\x1b"
	v := posted(url.Values{"token": {signed(`{}`, `{"<script>":"<script>alert(1)</script>\u202e"}`)}})
	v.report = explain.Report{At: at(), Steps: []explain.Step{
		{Check: evil, Result: explain.Pass, Detail: evil, Received: evil, Standard: evil},
		{Check: evil, Result: explain.Fail, Reason: evil, Detail: evil, Expected: evil, Received: evil, Standard: evil, Hint: evil},
		{Check: evil, Result: explain.Fail, Reason: evil, Detail: evil, Expected: evil, Received: evil, Standard: evil, Hint: evil},
	}}
	body := bodyOf(t, v.make(t))
	assert.NotContains(t, body, "<script")
	assert.NotContains(t, body, "<img")
	assert.Equal(t, -1, strings.IndexFunc(body, unprintable))
	assert.Contains(t, body, "&lt;script&gt;")
}

func TestPageSaysWhatIsWrongWithTheForm(t *testing.T) {
	assert.Contains(t, bodyOf(t, posted(url.Values{}).make(t)), "no token: the input is empty.")
	assert.Contains(t, bodyOf(t, posted(url.Values{"token": {hello}, "scopes": {`"`}}).make(t)), "a scope must be")
}
