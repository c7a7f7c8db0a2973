package revocation_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

type members = map[string]any

// events of a logout token.
var events = members{"http://schemas.openid.net/event/backchannel-logout": members{}}

// A logoutKit is a provider, an API that accepts its tokens, and the handler of the API.
type logoutKit struct {
	issuer   *jwkstest.Issuer
	verifier *claims.Verifier
	list     *revocation.List
	handler  http.Handler
	accepted claims.Issuer
}

const client = "api-at-the-provider"

func newLogoutKit(tb testing.TB, config revocation.Config) *logoutKit {
	tb.Helper()
	k := &logoutKit{issuer: jwkstest.NewIssuer(jwkstest.Config{}), list: newList(tb, config)}
	keys, err := jwks.New(jwks.Config{Issuer: k.issuer.URL(), Client: k.issuer.Client(), Logger: silent})
	require.NoError(tb, err)
	issuer := k.list.Protect(claims.Issuer{URL: k.issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys, MaxLifetime: lifetime})
	k.verifier, err = claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	require.NoError(tb, err)
	k.accepted = issuer
	k.handler, err = k.list.LogoutHandler(k.logoutIssuer())
	require.NoError(tb, err)
	return k
}

func (k *logoutKit) logoutIssuer() revocation.LogoutIssuer {
	return revocation.LogoutIssuer{Issuer: k.accepted, ClientIDs: []string{"another", client}}
}

// logoutToken returns a good logout token with these changes.
func (k *logoutKit) logoutToken(changes members, options ...jwkstest.Option) string {
	payload := members{
		"aud": client, "sid": "s", "events": events, "exp": time.Now().Add(2 * time.Minute).Unix(),
		"client_id": jwkstest.Absent, "scope": jwkstest.Absent,
	}
	maps.Copy(payload, changes)
	return k.issuer.Token(payload, append([]jwkstest.Option{jwkstest.Header("typ", "logout+jwt")}, options...)...)
}

func (k *logoutKit) post(token string) *httptest.ResponseRecorder {
	return k.send(http.MethodPost, "application/x-www-form-urlencoded", url.Values{"logout_token": {token}}.Encode())
}

func (k *logoutKit) send(method, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/logout", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	k.handler.ServeHTTP(w, r)
	return w
}

// verify returns what the API says to an access token.
func (k *logoutKit) verify(t *testing.T, changes members) error {
	t.Helper()
	payload := members{"exp": time.Now().Add(30 * time.Minute).Unix()}
	maps.Copy(payload, changes)
	_, err := k.verifier.Verify(t.Context(), k.issuer.Token(payload))
	return err
}

func assertLoggedOut(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	assert.Equal(t, http.StatusOK, w.Code, w.Body)
	assert.Empty(t, w.Body.String())
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
}

const (
	invalidLogout     = `{"error":"invalid_request","error_description":"The logout token is not valid"}`
	unavailableLogout = `{"error":"temporarily_unavailable","error_description":"The logout could not be carried out everywhere"}`
)

func assertNotLoggedOut(t *testing.T, w *httptest.ResponseRecorder, body string) {
	t.Helper()
	assert.Equal(t, http.StatusBadRequest, w.Code, "section 2.8")
	assert.Equal(t, body, w.Body.String())
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
}

func TestLogoutOfASession(t *testing.T) {
	k := newLogoutKit(t, revocation.Config{})
	ours, others := members{"sid": "s", "sub": "alice"}, members{"sid": "other", "sub": "alice"}
	require.NoError(t, k.verify(t, ours))
	assertLoggedOut(t, k.post(k.logoutToken(members{"sub": "alice"})))
	assert.ErrorIs(t, k.verify(t, ours), claims.ErrRevoked)
	assert.NoError(t, k.verify(t, others), "another session of the same user")
	assert.NoError(t, k.verify(t, members{"sub": "alice"}))
	assert.EqualValues(t, 1, k.list.Status().Logouts)
}

// The logout token's time is that of the issuer: no skew is added.
func TestLogoutOfAUser(t *testing.T) {
	k := newLogoutKit(t, revocation.Config{})
	at := time.Now().Truncate(time.Second).Add(-10 * time.Second)
	assertLoggedOut(t, k.post(k.logoutToken(members{"sub": "alice", "sid": jwkstest.Absent, "iat": at.Unix()})))
	for _, sid := range []any{jwkstest.Absent, "s", "other"} {
		assert.ErrorIs(t, k.verify(t, members{"sub": "alice", "sid": sid, "iat": at.Unix()}), claims.ErrRevoked)
		assert.NoError(t, k.verify(t, members{"sub": "alice", "sid": sid, "iat": at.Unix() + 1}), "after the user has logged in again")
		assert.NoError(t, k.verify(t, members{"sub": "bob", "sid": sid, "iat": at.Unix()}))
	}
}

// Where access tokens have no sid, the end of a session must end more than that.
func TestLogoutOfAllSessions(t *testing.T) {
	for _, all := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			k := newLogoutKit(t, revocation.Config{})
			issuer := k.logoutIssuer()
			issuer.AllSessions = all
			var err error
			k.handler, err = k.list.LogoutHandler(issuer)
			require.NoError(t, err)
			without := members{"sub": "alice", "sid": jwkstest.Absent}

			assertLoggedOut(t, k.post(k.logoutToken(members{"sub": jwkstest.Absent, "jti": "1"})))
			assert.ErrorIs(t, k.verify(t, members{"sub": "alice", "sid": "s"}), claims.ErrRevoked)
			assert.NoError(t, k.verify(t, without), "the logout token does not say whose session it was")
			assertLoggedOut(t, k.post(k.logoutToken(members{"sub": "alice", "jti": "2"})))
			assert.Equal(t, all, errors.Is(k.verify(t, without), claims.ErrRevoked))
			assert.Equal(t, all, errors.Is(k.verify(t, members{"sub": "alice", "sid": "other"}), claims.ErrRevoked))
			assert.NoError(t, k.verify(t, members{"sub": "bob", "sid": "other"}))
			time.Sleep(time.Second)
			now := time.Now().Unix()
			assert.NoError(t, k.verify(t, members{"sub": "alice", "sid": "new", "iat": now}), "after a new login")
			assert.ErrorIs(t, k.verify(t, members{"sub": "alice", "sid": "s", "iat": now}), claims.ErrRevoked, "this session has ended for good")
			time.Sleep(10 * time.Second) // a fetch that may be under way ends
		})
	}
}

func TestLogoutTokens(t *testing.T) {
	now := time.Now()
	const name = "http://schemas.openid.net/event/backchannel-logout"
	for _, tt := range []struct {
		rule     string
		changes  members
		options  []jwkstest.Option
		accepted bool
	}{
		{"good", nil, nil, true},
		{"with a sub", members{"sub": "alice"}, nil, true},
		{"sub is null", members{"sub": nil}, nil, true},
		{"aud has several", members{"aud": []string{"x", client}}, nil, true},
		{"another claim", members{"trace": "x", "at_hash": 1}, nil, true},
		{"events with another event", members{"events": members{name: members{"x": 1}, "y": 1}}, nil, true},
		{"typ JWT", nil, []jwkstest.Option{jwkstest.Header("typ", "JWT")}, true},
		{"no typ", nil, []jwkstest.Option{jwkstest.Header("typ", jwkstest.Absent)}, true},
		{"typ in full", nil, []jwkstest.Option{jwkstest.Header("typ", "Application/Logout+JWT")}, true},
		{"exp much later", members{"exp": now.Add(time.Hour).Unix()}, nil, true},

		{"longer than 16 KiB", members{"pad": strings.Repeat("x", 13<<10)}, nil, false},
		{"typ of access tokens", nil, []jwkstest.Option{jwkstest.Header("typ", "at+jwt")}, false},
		{"typ of events", nil, []jwkstest.Option{jwkstest.Header("typ", "secevent+jwt")}, false},
		{"typ is not a string", nil, []jwkstest.Option{jwkstest.Header("typ", 7)}, false},
		{"crit", nil, []jwkstest.Option{jwkstest.Header("crit", []string{"exp"})}, false},
		{"b64", nil, []jwkstest.Option{jwkstest.Header("b64", true)}, false},
		{"alg none", nil, []jwkstest.Option{jwkstest.Header("alg", "none")}, false},
		{"alg HS256", nil, []jwkstest.Option{jwkstest.Header("alg", "HS256")}, false},
		{"alg is not a string", nil, []jwkstest.Option{jwkstest.Header("alg", nil)}, false},
		{"another alg than that of the key", nil, []jwkstest.Option{jwkstest.Header("alg", "RS256")}, false},
		{"kid is too long", nil, []jwkstest.Option{jwkstest.Header("kid", strings.Repeat("x", 257))}, false},
		{"an unknown key", nil, []jwkstest.Option{jwkstest.SignedBy(jwkstest.NewKey("ES256"))}, false},
		{"another issuer", members{"iss": "https://evil.example/"}, nil, false},
		{"no iss", members{"iss": jwkstest.Absent}, nil, false},
		{"another aud", members{"aud": "x"}, nil, false},
		{"the audience of access tokens", members{"aud": jwkstest.Audience}, nil, false},
		{"aud with a number", members{"aud": []any{client, 1}}, nil, false},
		{"no aud", members{"aud": jwkstest.Absent}, nil, false},
		{"no iat", members{"iat": jwkstest.Absent}, nil, false},
		{"iat is a string", members{"iat": "1"}, nil, false},
		{"iat in the future", members{"iat": now.Add(time.Minute).Unix()}, nil, false},
		{"iat is three minutes ago", members{"iat": now.Add(-3 * time.Minute).Unix()}, nil, false},
		{"expired", members{"exp": now.Add(-time.Minute).Unix()}, nil, false},
		{"no exp", members{"exp": jwkstest.Absent}, nil, false},
		{"no jti", members{"jti": jwkstest.Absent}, nil, false},
		{"jti is empty", members{"jti": ""}, nil, false},
		{"jti is too long", members{"jti": strings.Repeat("x", 1025)}, nil, false},
		{"neither sub nor sid", members{"sub": jwkstest.Absent, "sid": jwkstest.Absent}, nil, false},
		{"both are empty", members{"sub": "", "sid": nil}, nil, false},
		{"sid is a number", members{"sid": 7}, nil, false},
		{"sid is too long", members{"sid": strings.Repeat("x", 1025)}, nil, false},
		{"no events", members{"events": jwkstest.Absent}, nil, false},
		{"events is an array", members{"events": []string{name}}, nil, false},
		{"events is a string", members{"events": name}, nil, false},
		{"another event", members{"events": members{name + "/": members{}}}, nil, false},
		{"the event is null", members{"events": members{name: nil}}, nil, false},
		{"the event is a string", members{"events": members{name: ""}}, nil, false},
		{"a nonce", members{"nonce": "n"}, nil, false},
		{"a nonce that is null", members{"nonce": nil}, nil, false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			k := newLogoutKit(t, revocation.Config{})
			w := k.post(k.logoutToken(tt.changes, tt.options...))
			if tt.accepted {
				assertLoggedOut(t, w)
				assert.ErrorIs(t, k.verify(t, members{"sid": "s"}), claims.ErrRevoked)
				return
			}
			assertNotLoggedOut(t, w, invalidLogout)
			assert.NoError(t, k.verify(t, members{"sid": "s"}))
			assert.EqualValues(t, 1, k.list.Status().LogoutsRefused)
		})
	}
}

func TestLogoutTokensAreBytesThatWereSigned(t *testing.T) {
	k := newLogoutKit(t, revocation.Config{})
	good := k.logoutToken(nil)
	parts := strings.Split(good, ".")
	duplicate := fmt.Sprintf(`{"iss":%q,"aud":%q,"iat":%d,"exp":%[3]d,"jti":"j","sid":"s","sid":"t","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`,
		k.issuer.URL(), client, time.Now().Unix())
	for rule, token := range map[string]string{
		"nothing":            "",
		"two segments":       parts[0] + "." + parts[1],
		"encrypted":          good + ".x.y",
		"no signature":       parts[0] + "." + parts[1] + ".",
		"another signature":  jwkstest.TamperSignature(good),
		"other claims":       jwkstest.TamperClaims(good, members{"sid": "t"}),
		"padding":            good + "=",
		"a line break":       good + "\n",
		"too long":           good + strings.Repeat("A", 16<<10),
		"duplicate members":  jwkstest.RawToken([]byte(`{"alg":"ES256"}`), []byte(duplicate), k.issuer.SigningKey()),
		"not an object":      jwkstest.RawToken([]byte(`{"alg":"ES256"}`), []byte(`[]`), k.issuer.SigningKey()),
		"an access token":    k.issuer.Token(members{"sid": "s", "aud": client}),
		"an ID token":        k.issuer.Token(members{"sid": "s", "aud": client, "nonce": "n"}, jwkstest.Header("typ", "JWT")),
		"not a signed token": "eyJhbGciOiJub25lIn0.e30.",
	} {
		assertNotLoggedOut(t, k.post(token), invalidLogout)
		assert.NoError(t, k.verify(t, members{"sid": "s"}), rule)
		assert.NoError(t, k.verify(t, members{"sid": "t"}), rule)
	}
	assert.ErrorIs(t, func() error { _, err := k.verifier.Verify(t.Context(), good); return err }(), claims.ErrType,
		"and no logout token is an access token")
	assertLoggedOut(t, k.post(good))
}

// The algorithms are those of the issuer, also if its keys could verify others.
func TestAlgorithmsOfLogoutTokens(t *testing.T) {
	k := newLogoutKit(t, revocation.Config{})
	for alg, body := range map[string]string{"RS256": invalidLogout, "ES256": ""} {
		issuer := k.logoutIssuer()
		issuer.Issuer.Algorithms = []string{alg}
		var err error
		k.handler, err = k.list.LogoutHandler(issuer)
		require.NoError(t, err)
		assert.Equal(t, body, k.post(k.logoutToken(nil)).Body.String(), alg)
	}
}

func TestALogoutTokenIsGoodOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newLogoutKit(t, revocation.Config{})
		token := k.logoutToken(nil)
		assertLoggedOut(t, k.post(token))
		assertNotLoggedOut(t, k.post(token), invalidLogout)
		assertNotLoggedOut(t, k.post(k.logoutToken(members{"jti": "j", "aud": "x"})), invalidLogout)
		assertLoggedOut(t, k.post(k.logoutToken(members{"jti": "j"})))
		assertNotLoggedOut(t, k.post(k.logoutToken(members{"jti": "j", "sid": "other"})), invalidLogout)
		time.Sleep(2*time.Minute + 4*time.Second)
		assertNotLoggedOut(t, k.post(token), invalidLogout)
		time.Sleep(10 * time.Second)
		assertNotLoggedOut(t, k.post(token), invalidLogout)
	})
}

// A trustingKey saves 65,537 signatures.
type trustingKey struct{}

func (trustingKey) Verify([]byte, []byte) error { return nil }

func (trustingKey) Keys(context.Context, string, string) ([]claims.Key, error) {
	return []claims.Key{trustingKey{}}, nil
}

// The memory for logout tokens is bounded. A token that it has no room for is carried out.
func TestMoreLogoutsThanAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, now := newLogoutKit(t, revocation.Config{}), time.Now().Unix()
		k.accepted.Keys = trustingKey{}
		var err error
		k.handler, err = k.list.LogoutHandler(k.logoutIssuer())
		require.NoError(t, err)
		encode := base64.RawURLEncoding.EncodeToString
		token := func(id int) string {
			return encode([]byte(`{"alg":"ES256"}`)) + "." + encode(fmt.Appendf(nil,
				`{"iss":%q,"aud":%q,"sid":"%d","jti":"%d","iat":%d,"exp":%d,"events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`,
				k.issuer.URL(), client, id>>16, id, now, now+120)) + ".c2ln"
		}
		for id := range 1 << 16 {
			require.Equal(t, http.StatusOK, k.post(token(id)).Code)
		}
		assertNotLoggedOut(t, k.post(token(0)), invalidLogout)
		assertLoggedOut(t, k.post(token(1<<16)))
		assert.ErrorIs(t, k.list.Check(t.Context(), tokenOf(t, k.issuer.URL(), `"sid":"1"`)), claims.ErrRevoked)
		assertLoggedOut(t, k.post(token(1<<16)))
	})
}

func TestLogoutRequests(t *testing.T) {
	k := newLogoutKit(t, revocation.Config{})
	form := func(values ...string) string { return "logout_token=" + strings.Join(values, "&logout_token=") }
	const contentType = "application/x-www-form-urlencoded"
	for rule, r := range map[string]struct{ contentType, body string }{
		"JSON":              {"application/json", `{"logout_token":"` + k.logoutToken(nil) + `"}`},
		"no content type":   {"", form(k.logoutToken(nil))},
		"another one":       {"multipart/form-data", form(k.logoutToken(nil))},
		"no token":          {contentType, "token=" + k.logoutToken(nil)},
		"two tokens":        {contentType, form(k.logoutToken(nil), k.logoutToken(nil))},
		"an empty body":     {contentType, ""},
		"not a form":        {contentType, form(k.logoutToken(nil)) + "&%zz"},
		"a body beyond all": {contentType, form(k.logoutToken(nil)) + "&x=" + strings.Repeat("x", 64<<10)},
	} {
		assertNotLoggedOut(t, k.send(http.MethodPost, r.contentType, r.body), invalidLogout)
		assert.NoError(t, k.verify(t, members{"sid": "s"}), rule)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodOptions} {
		w := k.send(method, contentType, form(k.logoutToken(nil)))
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
		assert.Equal(t, "POST", w.Header().Get("Allow"))
	}
	r := httptest.NewRequest(http.MethodPost, "/logout?"+form(k.logoutToken(nil)), nil)
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	k.handler.ServeHTTP(w, r)
	assertNotLoggedOut(t, w, invalidLogout) // not from the query, which is in logs
	assertLoggedOut(t, k.send(http.MethodPost, contentType+"; charset=utf-8", "state=x&"+form(k.logoutToken(nil))))
}

// A logout that cannot be judged is no success, and can be sent again.
func TestLogoutWhileKeysAreUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		k := newLogoutKit(t, revocation.Config{Logger: log.logger()})
		k.issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		token := k.logoutToken(nil)
		assertNotLoggedOut(t, k.post(token), unavailableLogout)
		assert.Contains(t, log.String(), "a logout could not be carried out everywhere")
		assert.NotContains(t, log.String(), "eyJ")
		k.issuer.Recover()
		time.Sleep(20 * time.Second)
		assertLoggedOut(t, k.post(token))
		time.Sleep(time.Minute)
	})
}

// The other processes learn of a logout that the server did not take.
func TestLogoutWhileTheServerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		k := newLogoutKit(t, revocation.Config{Do: server.do})
		other := newList(t, revocation.Config{Do: server.do})
		stop := run(t, k.list, other)
		c := tokenOf(t, k.issuer.URL(), `"sid":"s"`)
		server.behave(isDown)
		token := k.logoutToken(nil)
		assertNotLoggedOut(t, k.post(token), unavailableLogout)
		assert.ErrorIs(t, k.list.Check(t.Context(), c), claims.ErrRevoked, "here it is in force")
		assert.NoError(t, other.Check(t.Context(), c))
		server.behave(nil)
		time.Sleep(3 * time.Second)
		assert.ErrorIs(t, other.Check(t.Context(), c), claims.ErrRevoked)
		assertLoggedOut(t, k.post(token))
		stop()
	})
}

// Only tokens that name a known issuer and client cause a look-up of keys.
func TestStrangersCauseNoFetch(t *testing.T) {
	k := newLogoutKit(t, revocation.Config{})
	for _, changes := range []members{{"iss": "https://evil.example/"}, {"aud": "x"}, {"exp": 1}, {"nonce": 1}, {"events": nil}} {
		assertNotLoggedOut(t, k.post(k.logoutToken(changes)), invalidLogout)
	}
	assert.Zero(t, k.issuer.Count(jwkstest.JWKS))
}

func TestMistakesInLogoutIssuers(t *testing.T) {
	list := newList(t, revocation.Config{})
	_, err := list.LogoutHandler()
	assert.EqualError(t, err, "revocation: LogoutHandler needs at least one LogoutIssuer")
	wrong := revocation.LogoutIssuer{Issuer: claims.Issuer{URL: "https://x.example/", Audiences: []string{"a"}}, ClientIDs: []string{""}}
	_, err = list.LogoutHandler(wrong, wrong, revocation.LogoutIssuer{})
	for _, text := range []string{
		`invalid Issuer "https://x.example/": Keys is nil`,
		`invalid LogoutIssuer "https://x.example/": Issuer.MaxLifetime is 0: the end of a session must be remembered`,
		`invalid LogoutIssuer "https://x.example/": ClientIDs has an empty value`,
		`LogoutIssuer "https://x.example/" is a duplicate`,
		`invalid LogoutIssuer "": ClientIDs is empty`,
	} {
		assert.ErrorContains(t, err, text)
	}
	wrong.Issuer.URL = "https://admin:secret@x.example/"
	list.Protect(wrong.Issuer)
	_, err = list.LogoutHandler(wrong, wrong)
	assert.ErrorContains(t, err, `LogoutIssuer "https://REDACTED@x.example/" is a duplicate`)
	assert.NotContains(t, err.Error(), "secret")
}

type opaqueTokens struct{}

func (opaqueTokens) Introspect(context.Context, string, string) (string, bool, error) {
	return "", false, claims.ErrRejected
}

func (opaqueTokens) Accepted(string, string) {}

func (opaqueTokens) Tokens() (prefix string, least, most int, dots bool) { return "x_", 10, 100, false }

func TestALogoutIssuerOfOpaqueTokensNeedsKeys(t *testing.T) {
	i := newLogoutKit(t, revocation.Config{}).logoutIssuer()
	i.Issuer.Opaque = opaqueTokens{}
	list := newList(t, revocation.Config{})
	_, err := list.LogoutHandler(i)
	require.NoError(t, err)
	i.Issuer.Keys = nil
	_, err = list.LogoutHandler(i)
	assert.ErrorContains(t, err, "Issuer.Keys is nil: logout tokens are signed")
}

// The keys of one issuer verify nothing of another one, and neither do its clients.
func TestLogoutOfSeveralIssuers(t *testing.T) {
	a, b := newLogoutKit(t, revocation.Config{}), jwkstest.NewIssuer(jwkstest.Config{URL: "https://b.example/"})
	keysOfA, err := jwks.New(jwks.Config{Issuer: a.issuer.URL(), Client: a.issuer.Client(), Logger: silent})
	require.NoError(t, err)
	keysOfB, err := jwks.New(jwks.Config{Issuer: b.URL(), Client: b.Client(), Logger: silent})
	require.NoError(t, err)
	a.handler, err = a.list.LogoutHandler(
		revocation.LogoutIssuer{Issuer: claims.Issuer{URL: a.issuer.URL(), Audiences: []string{"x"}, Keys: keysOfA, MaxLifetime: lifetime}, ClientIDs: []string{client}},
		revocation.LogoutIssuer{Issuer: claims.Issuer{URL: b.URL(), Audiences: []string{"x"}, Keys: keysOfB, MaxLifetime: lifetime}, ClientIDs: []string{"at-b"}},
	)
	require.NoError(t, err)
	assertNotLoggedOut(t, a.post(a.logoutToken(members{"iss": b.URL(), "aud": "at-b"})), invalidLogout)
	assertNotLoggedOut(t, a.post(a.logoutToken(members{"aud": "at-b"})), invalidLogout)
	assertNotLoggedOut(t, a.post(a.logoutToken(members{"iss": b.URL()}, jwkstest.SignedBy(b.SigningKey()))), invalidLogout)
	assertLoggedOut(t, a.post(a.logoutToken(members{"iss": b.URL(), "aud": "at-b"}, jwkstest.SignedBy(b.SigningKey()))))
	assertLoggedOut(t, a.post(a.logoutToken(nil)))
	assert.NoError(t, a.list.Check(t.Context(), tokenWith(t, `"sid":"s"`)))
	assert.ErrorIs(t, a.list.Check(t.Context(), tokenOf(t, b.URL(), `"sid":"s"`)), claims.ErrRevoked)
}
