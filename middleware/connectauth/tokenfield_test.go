package connectauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/connectauth"
)

func TestTokenField(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer, func(c *middleware.Config) { c.TokenField = "txn-token" })
	served := 0
	guarded := newList(&served, connectauth.HandlerOption(auth, connectauth.Rules{unaryProcedure: connectauth.Authenticated()}))
	optional := newList(&served, connectauth.HandlerOption(auth, connectauth.Rules{unaryProcedure: connectauth.Optional()}))
	call := func(h http.Handler, header http.Header) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, unaryProcedure+"?encoding=json&message=%7B%7D", nil)
		r.Header = header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	token := issuer.Token(nil)
	for rule, tt := range map[string]struct {
		header            http.Header
		guarded, optional int
	}{
		"the token":                       {http.Header{"Txn-Token": {token}}, 200, 200},
		"beside another Authorization":    {http.Header{"Txn-Token": {token}, "Authorization": {"Bearer x"}}, 200, 200},
		"no field":                        {http.Header{}, 401, 200},
		"only Authorization":              {http.Header{"Authorization": {"Bearer " + token}}, 401, 200},
		"junk, and a good Authorization":  {http.Header{"Txn-Token": {"junk"}, "Authorization": {"Bearer " + token}}, 401, 401},
		"two fields":                      {http.Header{"Txn-Token": {token, token}}, 400, 400},
		"a scheme":                        {http.Header{"Txn-Token": {"Bearer " + token}}, 400, 400},
		"empty, and a good Authorization": {http.Header{"Txn-Token": {""}, "Authorization": {"Bearer " + token}}, 400, 400},
	} {
		assert.Equal(t, tt.guarded, call(guarded, tt.header).Code, rule)
		w := call(optional, tt.header)
		assert.Equal(t, tt.optional, w.Code, rule)
		if tt.optional == http.StatusOK {
			assert.Contains(t, w.Header()["Vary"], "Txn-Token", "a cache must not give the answer for one caller to another")
			assert.NotContains(t, w.Header()["Vary"], "Authorization")
		}
		assert.NotContains(t, call(guarded, tt.header).Header()["Vary"], "Txn-Token", rule)
	}
}
