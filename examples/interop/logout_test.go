//go:build unix

package interop_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
)

// applicationID is the web application whose users log in and out.
const applicationID = "timesheets-web"

// A browser is a session at the provider, with the tokens that the application got for it.
type browser struct {
	issuer               *issuer
	client               *http.Client
	accessToken, idToken string
}

// logIn goes through the authorization code flow with PKCE, in a new browser.
func logIn(t *testing.T, i *issuer) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	b := &browser{issuer: i, client: &http.Client{Timeout: patience, Jar: jar}}
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "app.example.com" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	answer, err := b.client.Get(i.url + "/auth?" + url.Values{
		"client_id": {applicationID}, "response_type": {"code"}, "redirect_uri": {"https://app.example.com/callback"},
		"scope": {"openid " + read}, "resource": {audience},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode())
	require.NoError(t, err)
	defer answer.Body.Close()
	back, err := answer.Location()
	require.NoError(t, err, answer.Status)
	code := back.Query().Get("code")
	require.NotEmpty(t, code, back)
	b.redeem(t, code, verifier)
	return b
}

// redeem gets the tokens for an authorization code.
func (b *browser) redeem(t *testing.T, code, verifier string) {
	t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier},
		"redirect_uri": {"https://app.example.com/callback"}, "resource": {audience},
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.issuer.tokenEndpoint(t), strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.SetBasicAuth(applicationID, clientSecret)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := b.issuer.client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	var tokens struct {
		AccessToken string `json:"access_token"`
		IDToken     string `json:"id_token"`
	}
	readJSON(t, answer.Body, &tokens)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	b.accessToken, b.idToken = tokens.AccessToken, tokens.IDToken
}

var crossSiteToken = regexp.MustCompile(`name="xsrf" value="([^"]+)"`)

// logOut ends the session at the provider (OpenID Connect RP-Initiated Logout 1.0).
func (b *browser) logOut(t *testing.T) {
	t.Helper()
	answer, err := b.client.Get(b.issuer.url + "/session/end?id_token_hint=" + b.idToken)
	require.NoError(t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	require.NoError(t, err)
	found := crossSiteToken.FindSubmatch(page)
	require.NotNil(t, found, "%s %s", answer.Status, page)
	done, err := b.client.PostForm(b.issuer.url+"/session/end/confirm", url.Values{"xsrf": {string(found[1])}, "logout": {"yes"}})
	require.NoError(t, err)
	defer done.Body.Close()
	require.Less(t, done.StatusCode, http.StatusBadRequest)
}

// A logoutAPI is an API in this process that a provider can tell of the end of sessions.
type logoutAPI struct {
	*httptest.Server
	list *revocation.List
}

func (a *logoutAPI) url() string { return "http://" + a.Listener.Addr().String() }

// serve serves the API for the tokens of an issuer, which knows its URL already.
func (a *logoutAPI) serve(t *testing.T, i *issuer) {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	list, err := revocation.New(revocation.Config{Logger: logger})
	require.NoError(t, err)
	keys, err := jwks.New(jwks.Config{Issuer: i.url, Logger: logger})
	require.NoError(t, err)
	protected := list.Protect(claims.Issuer{URL: i.url, Audiences: []string{audience}, Keys: keys, MaxLifetime: time.Hour})
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{protected}, Logger: logger})
	require.NoError(t, err)
	logout, err := list.LogoutHandler(revocation.LogoutIssuer{Issuer: protected, ClientIDs: []string{applicationID}})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("POST /backchannel-logout", logout)
	mux.Handle("GET /timesheets", auth.RequireScopes(read)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	a.list, a.Config.Handler = list, mux
	a.Start()
}

// status returns the status of a call with the access token of a browser.
func (a *logoutAPI) status(t *testing.T, b *browser) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url()+"/timesheets", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+b.accessToken)
	answer, err := b.issuer.client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	return answer.StatusCode
}

// oidc-provider sends a logout token when a session ends.
func TestBackChannelLogout(t *testing.T) {
	api := &logoutAPI{Server: httptest.NewUnstartedServer(nil)}
	defer api.Close()
	i := oidcProvider(t, func(s *settings) { s.Application, s.LogoutURI = applicationID, api.url()+"/backchannel-logout" })
	api.serve(t, i)

	first, second := logIn(t, i), logIn(t, i)
	assert.NotEqual(t, sessionOf(t, first), sessionOf(t, second))
	for range 2 { // the second time the tokens are remembered
		require.Equal(t, http.StatusOK, api.status(t, first))
		require.Equal(t, http.StatusOK, api.status(t, second))
	}
	first.logOut(t)
	assert.Equal(t, http.StatusUnauthorized, api.status(t, first))
	assert.Equal(t, http.StatusOK, api.status(t, second), "another session of the same user")
	assert.EqualValues(t, 1, api.list.Status().Logouts)
	assert.Zero(t, api.list.Status().LogoutsRefused)
	second.logOut(t)
	assert.Equal(t, http.StatusUnauthorized, api.status(t, second))
	assert.Equal(t, http.StatusOK, api.status(t, logIn(t, i)), "after a new login")
}

// sessionOf returns the sid of an access token.
func sessionOf(t *testing.T, b *browser) string {
	t.Helper()
	var c struct {
		SessionID string `json:"sid"`
		Subject   string `json:"sub"`
	}
	require.NoError(t, payload(t, b.accessToken).Decode(&c))
	require.NotEmpty(t, c.SessionID)
	require.Equal(t, "alice", c.Subject)
	return c.SessionID
}
