package main

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// onLoopback returns an issuer with a server of its own.
func onLoopback(t *testing.T) *jwkstest.Issuer {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "http://" + server.Listener.Addr().String() + "/"})
	server.Config.Handler = issuer
	server.Start()
	t.Cleanup(server.Close)
	return issuer
}

// keyFile writes the issuer's key set into a file.
func keyFile(t *testing.T, issuer *jwkstest.Issuer) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	issuer.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, issuer.JWKSURL(), nil))
	file := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(file, recorder.Body.Bytes(), 0o600))
	return file
}

// encrypted returns a token in the form of a JWE.
func encrypted() string {
	segment := base64.RawURLEncoding.EncodeToString
	return strings.Join([]string{
		segment([]byte(`{"alg":"dir","enc":"A256GCM"}`)), "", segment(make([]byte, 12)), segment(make([]byte, 64)), segment(make([]byte, 16)),
	}, ".")
}

// explained runs the command with the real verifier.
func explained(t *testing.T, token string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	p := program{stdin: strings.NewReader(token), stdout: &out, stderr: &errs, newExplainer: newExplainer}
	code = p.run(t.Context(), append([]string{"explain"}, args...))
	return code, out.String(), errs.String()
}

func TestExplain(t *testing.T) {
	issuer := onLoopback(t)
	flags := []string{"-issuer", issuer.URL(), "-audience", jwkstest.Audience}
	offline := append([]string{"-jwks", keyFile(t, issuer)}, flags...)
	now := time.Now()
	for name, test := range map[string]struct {
		token string
		more  []string
		code  int
		want  string
	}{
		"good":              {issuer.Token(nil), nil, 0, "no check fails; not run: "},
		"with a scope":      {issuer.Token(nil), []string{"-scope", "read:example"}, 0, "no check fails; not run: "},
		"without a scope":   {issuer.Token(nil), []string{"-scope", "write:example"}, 1, "refused: forbidden"},
		"expired":           {issuer.Token(map[string]any{"exp": now.Add(-time.Hour).Unix()}), nil, 1, "refused: expired"},
		"leeway":            {issuer.Token(map[string]any{"exp": now.Add(-time.Minute).Unix()}), []string{"-leeway", "5m"}, 0, "no check fails"},
		"another audience":  {issuer.Token(map[string]any{"aud": "https://other.example"}), nil, 1, "refused: audience"},
		"another issuer":    {issuer.Token(map[string]any{"iss": "https://other.example/"}), nil, 1, "refused: issuer"},
		"an ID token":       {issuer.Token(map[string]any{"at_hash": "x"}), nil, 1, "refused: type"},
		"encrypted":         {encrypted(), nil, 1, "refused: malformed"},
		"another signature": {jwkstest.TamperSignature(issuer.Token(nil)), nil, 1, "refused: signature"},
		"typ":               {issuer.Token(nil), []string{"-typ", "JWT"}, 1, "refused: type"},
		"alg":               {issuer.Token(nil), []string{"-alg", "RS256"}, 1, "refused: algorithm"},
		"quotation marks":   {`"` + issuer.Token(nil) + `"`, nil, 1, "refused: malformed"},
		"the scheme":        {"Bearer " + issuer.Token(nil), nil, 1, "refused: malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, flags := range [][]string{flags, offline} {
				code, stdout, stderr := explained(t, test.token, append(test.more, flags...)...)
				assert.Equal(t, test.code, code, stdout)
				assert.True(t, strings.HasPrefix(stdout, test.want), stdout)
				assert.Empty(t, stderr)
			}
		})
	}
}

// An outage says nothing about the token, and its cause is shown.
func TestExplainInAnOutage(t *testing.T) {
	issuer := onLoopback(t)
	token := issuer.Token(nil)
	issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusInternalServerError, nil, ""))
	code, stdout, _ := explained(t, token, "-issuer", issuer.URL(), "-audience", jwkstest.Audience)
	assert.Equal(t, exitUndecided, code)
	assert.Contains(t, stdout, "not decided: keys_unavailable")
	assert.Regexp(t, "(?s)hint .*500", stdout)
}

// Only the configured issuer is asked: not the one that the token names, nor an address in it,
// and none with -jwks.
func TestExplainAsksOnlyTheConfiguredIssuer(t *testing.T) {
	ours, theirs := onLoopback(t), onLoopback(t)
	requests := func(i *jwkstest.Issuer) int { return i.Count(jwkstest.Discovery) + i.Count(jwkstest.JWKS) }
	for _, options := range [][]jwkstest.Option{
		nil,
		{jwkstest.Header("jku", theirs.JWKSURL()), jwkstest.Header("x5u", theirs.JWKSURL())},
		{jwkstest.Header("jku", theirs.JWKSURL()), jwkstest.Header("kid", "unknown")},
	} {
		for _, iss := range []string{ours.URL(), theirs.URL()} {
			explained(t, theirs.Token(map[string]any{"iss": iss}, options...), "-issuer", ours.URL(), "-audience", jwkstest.Audience)
		}
	}
	assert.Zero(t, requests(theirs))
	assert.NotZero(t, requests(ours))

	asked := requests(ours)
	file := keyFile(t, ours)
	served := requests(ours)
	assert.Equal(t, asked+1, served) // by keyFile
	explained(t, ours.Token(nil), "-issuer", ours.URL(), "-audience", jwkstest.Audience, "-jwks", file)
	explained(t, theirs.Token(nil), "-issuer", ours.URL(), "-audience", jwkstest.Audience, "-jwks", file)
	explained(t, ours.Token(nil), "-audience", jwkstest.Audience)
	assert.Equal(t, served, requests(ours))
	assert.Zero(t, requests(theirs))
}

func TestExplainWithTheAddressOfTheKeys(t *testing.T) {
	issuer := onLoopback(t)
	code, stdout, _ := explained(t, issuer.Token(nil),
		"-issuer", issuer.URL(), "-audience", jwkstest.Audience, "-jwks-url", issuer.JWKSURL())
	assert.Equal(t, exitNoneFails, code, stdout)
	assert.Zero(t, issuer.Count(jwkstest.Discovery))
}
