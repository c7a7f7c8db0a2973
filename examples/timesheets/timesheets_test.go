package timesheets

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

func newAPI(t *testing.T, issuer *jwkstest.Issuer) http.Handler {
	t.Helper()
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
	})
	require.NoError(t, err)
	return New(auth)
}

func call(handler http.Handler, method, path, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestEntriesBelongToTheSubject(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	api := newAPI(t, issuer)
	token := func(subject any) string {
		return issuer.Token(map[string]any{"sub": subject, "scope": "read:timesheets write:timesheets"})
	}
	w := call(api, "POST", "/timesheets", token("alice"),
		`{"id":99,"subject":"bob","date":"2026-03-02","project":"bearerguard","hours":7.5,"note":"tests"}`)
	require.Equal(t, http.StatusCreated, w.Code)
	assert.JSONEq(t, `{"id":1,"date":"2026-03-02","project":"bearerguard","hours":7.5,"note":"tests"}`, w.Body.String())
	require.Equal(t, http.StatusCreated, call(api, "POST", "/timesheets", token(jwkstest.Absent), `{}`).Code)

	assert.JSONEq(t, `{"sub":"alice","timesheets":[
		{"id":1,"date":"2026-03-02","project":"bearerguard","hours":7.5,"note":"tests"}]}`,
		call(api, "GET", "/timesheets", token("alice"), "").Body.String())
	assert.JSONEq(t, `{"sub":"bob","timesheets":[]}`, call(api, "GET", "/timesheets", token("bob"), "").Body.String())
	assert.JSONEq(t, `{"sub":"","timesheets":[]}`,
		call(api, "GET", "/timesheets", token(jwkstest.Absent), "").Body.String(), "no subject has no entries")
}

func TestBodiesAreChecked(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	api := newAPI(t, issuer)
	token := issuer.Token(map[string]any{"scope": "write:timesheets"})
	for _, test := range []struct {
		name, body string
		status     int
	}{
		{"empty object", `{}`, 201},
		{"unknown member", `{"hours":1,"mood":"good"}`, 201},
		{"no body", ``, 400},
		{"no JSON", `hours=8`, 400},
		{"array", `[{"hours":8}]`, 400},
		{"hours as text", `{"hours":"8"}`, 400},
		{"text after the object", `{"hours":8} x`, 400},
		{"more hours than a day has", `{"hours":25}`, 422},
		{"negative hours", `{"hours":-1}`, 422},
		{"not a date", `{"date":"yesterday"}`, 422},
		{"too long", `{"note":"` + strings.Repeat("x", maxBody) + `"}`, 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := call(api, "POST", "/timesheets", token, test.body)
			assert.Equal(t, test.status, w.Code)
			if test.status >= 400 {
				assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestStoreIsBounded(t *testing.T) {
	var s store
	alice := principal{"https://issuer.example.test/", "alice"}
	for range maxEntries + 5 {
		s.add(entry{owner: alice})
	}
	kept := s.of(alice)
	assert.Len(t, kept, maxEntries)
	assert.Equal(t, 6, kept[0].ID, "the oldest go first")
}

// A second issuer may be configured one day, and have an alice of its own.
func TestC11SubjectsOfTwoIssuersAreTwoCallers(t *testing.T) {
	var s store
	s.add(entry{owner: principal{"https://issuer.example.test/", "alice"}})
	assert.Len(t, s.of(principal{"https://issuer.example.test/", "alice"}), 1)
	assert.Empty(t, s.of(principal{"https://partner.example.test/", "alice"}))
}
