package migrate_test

import (
	"errors"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// PAGE {
// fromCookie lets a browser send its token in the cookie "jwt". Browsers send cookies with
// requests that other sites make, so such a request must come from this site, or from an
// origin that was added to sites. GET, HEAD and OPTIONS of other sites pass: they must not
// change anything.
func fromCookie(sites *http.CrossOriginProtection, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Cookie") // a cache must not mix callers up
		cookie, err := r.Cookie("jwt")
		if err != nil || cookie.Value == "" || len(r.Header["Authorization"]) > 0 {
			next.ServeHTTP(w, r)
			return
		}
		// A websocket begins with a GET, which any site can send.
		if sites.Check(r) != nil || len(r.Header["Upgrade"]) > 0 {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		w.Header().Set("Cache-Control", "private")
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+cookie.Value)
		next.ServeHTTP(w, r)
	})
}

// PAGE }

func TestTokenFromACookie(t *testing.T) {
	issuer, auth := newAuth(t, unchanged)
	// PAGE {
	sites := http.NewCrossOriginProtection()
	if err := sites.AddTrustedOrigin("https://app.example.com"); err != nil {
		log.Fatal(err)
	}
	handler := fromCookie(sites, auth.Handler(served))
	public := fromCookie(sites, auth.Optional(served))
	// PAGE }
	good, expired := issuer.Token(nil), issuer.Token(map[string]any{"exp": 1})
	for _, tt := range []struct {
		rule, method, cookie string
		fields               []string
		status, public       int
	}{
		{"a request of the same site", "POST", good, []string{"Sec-Fetch-Site: same-origin"}, 200, 200},
		{"a request that another site forges", "POST", good, []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403, 403},
		{"a site that is trusted", "POST", good, []string{"Sec-Fetch-Site: cross-site", "Origin: https://app.example.com"}, 200, 200},
		{"a websocket of another site", "GET", good, []string{"Sec-Fetch-Site: cross-site", "Connection: Upgrade", "Upgrade: websocket"}, 403, 403},
		{"another site with a token, which is no cookie", "POST", "", []string{"Sec-Fetch-Site: cross-site", "Authorization: Bearer " + good}, 200, 200},
		{"both", "POST", good, []string{"Sec-Fetch-Site: cross-site", "Authorization: Bearer " + good}, 200, 200},
		{"both, of which the header counts", "GET", good, []string{"Authorization: Bearer " + expired}, 401, 401},
		{"neither", "GET", "", nil, 401, 200},
		{"an expired cookie, on an optional route too", "GET", expired, nil, 401, 401},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			for want, h := range map[*int]http.Handler{&tt.status: handler, &tt.public: public} {
				r := httptest.NewRequest(tt.method, "/", nil)
				r.AddCookie(&http.Cookie{Name: "jwt", Value: tt.cookie}) // an empty one counts as none
				for _, field := range tt.fields {
					name, value, _ := strings.Cut(field, ": ")
					r.Header.Set(name, value)
				}
				before := r.Header.Clone()
				recorder := httptest.NewRecorder()
				h.ServeHTTP(recorder, r)
				assert.Equal(t, *want, recorder.Code)
				assert.Equal(t, before, r.Header, "the caller's request is not changed")
				assert.Contains(t, recorder.Header()["Vary"], "Cookie")
				if *want == http.StatusOK && tt.cookie != "" && len(r.Header["Authorization"]) == 0 {
					assert.Equal(t, "private", recorder.Header().Get("Cache-Control"))
				}
			}
		})
	}
}

func TestAnExpiredCookieIsCleared(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	config := middleware.Config{Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client()}
	// PAGE {
	config.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err *middleware.Error) {
		if errors.Is(err, claims.ErrExpired) {
			http.SetCookie(w, &http.Cookie{Name: "jwt", Path: "/", MaxAge: -1})
		}
		http.Error(w, http.StatusText(err.Status), err.Status)
	}
	// PAGE }
	auth, err := middleware.New(config)
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "jwt", Value: issuer.Token(map[string]any{"exp": 1})})
	recorder := httptest.NewRecorder()
	fromCookie(http.NewCrossOriginProtection(), auth.Optional(served)).ServeHTTP(recorder, r)
	assert.Equal(t, http.StatusUnauthorized, recorder.Code)
	assert.Equal(t, []string{"jwt=; Path=/; Max-Age=0"}, recorder.Header()["Set-Cookie"])
}
