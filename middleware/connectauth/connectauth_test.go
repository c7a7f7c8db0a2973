package connectauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/connectauth"
)

const unaryProcedure = "/test.Timesheets/List"

// newList returns the handler of a procedure without side effects.
func newList(served *int, options ...connect.HandlerOption) http.Handler {
	options = append(options, connect.WithIdempotency(connect.IdempotencyNoSideEffects))
	return connect.NewUnaryHandler(unaryProcedure,
		func(context.Context, *connect.Request[emptypb.Empty]) (*connect.Response[emptypb.Empty], error) {
			*served++
			return connect.NewResponse(new(emptypb.Empty)), nil
		}, options...)
}

// post makes a unary call of the Connect protocol, as curl would.
func post(h http.Handler, body string, authorization ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, unaryProcedure, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header["Authorization"] = authorization
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestUnlistedProceduresAreDenied(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer)
	for name, rules := range map[string]connectauth.Rules{
		"no rules":                nil,
		"rules for other methods": {"/test.Timesheets/Create": connectauth.Public(), "/test.Timesheets/list": connectauth.Public()},
		"zero rule":               {unaryProcedure: {}},
	} {
		t.Run(name, func(t *testing.T) {
			served := 0
			h := newList(&served, connectauth.HandlerOption(auth, rules))
			assert.Equal(t, http.StatusForbidden, post(h, "{}", "Bearer "+issuer.Token(nil)).Code)
			assert.Equal(t, http.StatusUnauthorized, post(h, "{}").Code, "a caller without a token does not learn which rules exist")
			assert.Zero(t, served)
		})
	}
}

func TestUnaryCallsOfTheConnectProtocolHaveTheAnswersOfHTTP(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	served := 0
	h := newList(&served, connectauth.HandlerOption(newAuth(t, issuer), connectauth.Rules{
		unaryProcedure: connectauth.Require(middleware.AllScopes("read:timesheets")),
	}))
	for name, tt := range map[string]struct {
		authorization []string
		status        int
		body          string
		challenge     string
	}{
		"no token":   {nil, 401, `{"code":"unauthenticated","message":"The request has no bearer token in its Authorization header"}`, `Bearer realm="api", scope="read:timesheets"`},
		"two fields": {[]string{"Bearer a", "Bearer b"}, 400, `"code":"invalid_argument"`, `error="invalid_request"`},
		"forged":     {[]string{"Bearer " + jwkstest.TamperSignature(issuer.Token(nil))}, 401, `"code":"unauthenticated"`, `error="invalid_token"`},
		"scope":      {[]string{"Bearer " + issuer.Token(nil)}, 403, `"code":"permission_denied"`, `scope="read:timesheets"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := post(h, "{}", tt.authorization...)
			assert.Equal(t, tt.status, w.Code)
			assert.Contains(t, w.Body.String(), tt.body)
			assert.Contains(t, w.Header().Get("WWW-Authenticate"), tt.challenge)
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
		})
	}
	assert.Zero(t, served)
}

// A stranger cannot make the server read or decode a message.
func TestCallsAreRefusedUnread(t *testing.T) {
	served := 0
	h := newList(&served, connectauth.HandlerOption(newAuth(t, jwkstest.NewIssuer(jwkstest.Config{})), nil))
	r := httptest.NewRequest(http.MethodPost, unaryProcedure, untouchable{t})
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
}

type untouchable struct{ t *testing.T }

func (u untouchable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// A health check carries no token, and must pass with an invalid one.
func TestPublicProceduresIgnoreTokens(t *testing.T) {
	served := 0
	h := newList(&served, connectauth.HandlerOption(newAuth(t, jwkstest.NewIssuer(jwkstest.Config{})),
		connectauth.Rules{unaryProcedure: connectauth.Public()}))
	assert.Equal(t, http.StatusOK, post(h, "{}", "Bearer forged", "Bearer twice").Code)
	assert.Equal(t, 1, served)
}

// Claims that an outer handler has put into the context do not reach the procedure.
func TestOptionalMasksTheClaimsOfOthers(t *testing.T) {
	seen := true
	h := connect.NewUnaryHandler(unaryProcedure,
		func(ctx context.Context, _ *connect.Request[emptypb.Empty]) (*connect.Response[emptypb.Empty], error) {
			_, seen = claims.FromContext(ctx)
			return connect.NewResponse(new(emptypb.Empty)), nil
		}, connectauth.HandlerOption(newAuth(t, jwkstest.NewIssuer(jwkstest.Config{})), connectauth.Rules{
			unaryProcedure: connectauth.Optional(),
		}))
	post(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(claims.NewContext(r.Context(), new(claims.Claims))))
	}), "{}")
	assert.False(t, seen)
}

// Procedures without side effects can be called with GET, and caches may keep the answers.
func TestOptionalVariesByAuthorization(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	for name, tt := range map[string]struct {
		rule connectauth.Rule
		want bool
	}{
		"optional": {connectauth.Optional(), true},
		"public":   {connectauth.Public(), false},
		"required": {connectauth.Authenticated(), false},
	} {
		t.Run(name, func(t *testing.T) {
			served := 0
			h := newList(&served, connectauth.HandlerOption(newAuth(t, issuer), connectauth.Rules{unaryProcedure: tt.rule}))
			r := httptest.NewRequest(http.MethodGet, unaryProcedure+"?encoding=json&message=%7B%7D", nil)
			r.Header.Set("Authorization", "Bearer "+issuer.Token(nil))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			assert.Equal(t, http.StatusOK, w.Code)
			assert.Equal(t, tt.want, strings.Contains(strings.Join(w.Header()["Vary"], ","), "Authorization"))
		})
	}
}

// The error of Connect wraps the Middleware's error, whose text is not for callers.
func TestTheCauseIsNotSent(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	served := 0
	h := newList(&served, connectauth.HandlerOption(newAuth(t, issuer), connectauth.Rules{
		unaryProcedure: connectauth.Require(middleware.PolicyFunc(func(context.Context, *claims.Claims) error {
			return errors.New("secret of the policy")
		})),
	}))
	w := post(h, "{}", "Bearer "+issuer.Token(nil))
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.NotContains(t, w.Body.String(), "secret")
	assert.Contains(t, w.Body.String(), "The request requires higher privileges than the access token provides")
}

// The procedure of a handler selects the rule, whatever its path is.
func TestRulesDoNotDependOnPaths(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	served := 0
	h := newList(&served, connectauth.HandlerOption(newAuth(t, issuer), connectauth.Rules{
		unaryProcedure:       connectauth.Require(middleware.AllScopes("admin:timesheets")),
		"/test.Health/Check": connectauth.Public(),
	}))
	for _, path := range []string{unaryProcedure, "/prefix" + unaryProcedure, "/test.Health/Check", "/test.Timesheets/../test.Health/Check"} {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+issuer.Token(nil))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, http.StatusForbidden, w.Code, path)
	}
	assert.Zero(t, served)
}

func TestMistakesPanicAtSetUp(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}))
	for _, procedure := range []string{"", "/", "a.B/C", "/a.B", "/a.B/", "//C", "/a.B/C/D", "a.B.C"} {
		assert.Panics(t, func() { connectauth.HandlerOption(auth, connectauth.Rules{procedure: connectauth.Public()}) }, procedure)
	}
	assert.Panics(t, func() { connectauth.Require() })
	assert.Panics(t, func() { connectauth.HandlerOption(nil, nil) })
}

func TestRulesAreCopied(t *testing.T) {
	rules := connectauth.Rules{}
	served := 0
	h := newList(&served, connectauth.HandlerOption(newAuth(t, jwkstest.NewIssuer(jwkstest.Config{})), rules))
	rules[unaryProcedure] = connectauth.Public()
	assert.Equal(t, http.StatusUnauthorized, post(h, "{}").Code)
	require.Zero(t, served)
}
