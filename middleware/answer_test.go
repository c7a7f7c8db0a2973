package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

const (
	severalIssuersText = "The access token is not valid for this API"
	rejectedText       = "The access token was rejected"
)

// RFC 6750 section 3.1: the answers of a route that needs read:x.
func TestAnswerToAVerifiersError(t *testing.T) {
	for _, tt := range []struct {
		rule        string
		err         error
		status      int
		code        string
		description string
		reason      claims.Reason
	}{
		{"malformed", claims.ErrMalformed, 401, "invalid_token", "The access token is malformed", claims.ErrMalformed},
		{"algorithm", claims.ErrAlgorithm, 401, "invalid_token", severalIssuersText, claims.ErrAlgorithm},
		{"type", claims.ErrType, 401, "invalid_token", severalIssuersText, claims.ErrType},
		{"issuer", claims.ErrIssuer, 401, "invalid_token", severalIssuersText, claims.ErrIssuer},
		{"audience", claims.ErrAudience, 401, "invalid_token", severalIssuersText, claims.ErrAudience},
		{"expired", claims.ErrExpired, 401, "invalid_token", severalIssuersText, claims.ErrExpired},
		{"not yet valid", claims.ErrNotYetValid, 401, "invalid_token", severalIssuersText, claims.ErrNotYetValid},
		{"missing claim", claims.ErrMissingClaim, 401, "invalid_token", severalIssuersText, claims.ErrMissingClaim},
		{
			"confirmation", claims.ErrConfirmation, 401, "invalid_token",
			"The access token is bound to a key that the request does not prove", claims.ErrConfirmation,
		},
		{"unknown key", claims.ErrUnknownKey, 401, "invalid_token", severalIssuersText, claims.ErrUnknownKey},
		{"unusable key", claims.ErrUnusableKey, 401, "invalid_token", severalIssuersText, claims.ErrUnusableKey},
		{"signature", claims.ErrSignature, 401, "invalid_token", severalIssuersText, claims.ErrSignature},
		{"revoked", claims.ErrRevoked, 401, "invalid_token", "The access token was revoked", claims.ErrRevoked},
		{"rejected", claims.ErrRejected, 401, "invalid_token", rejectedText, claims.ErrRejected},
		{"a reason with a cause", fmt.Errorf("x: %w", claims.ErrRevoked), 401, "invalid_token", "The access token was revoked", claims.ErrRevoked},
		{"a reason wins over a context's error", fmt.Errorf("%w: %w", claims.ErrRevoked, context.Canceled), 401, "invalid_token", "The access token was revoked", claims.ErrRevoked},
		{"an error without a reason refuses", errors.New("x"), 401, "invalid_token", rejectedText, claims.ErrRejected},
		{"an unknown reason refuses", claims.Reason("x"), 401, "invalid_token", rejectedText, claims.ErrRejected},
		{"an empty reason refuses", claims.Reason(""), 401, "invalid_token", rejectedText, claims.ErrRejected},
		{
			"forbidden by a hook", claims.ErrForbidden, 403, "insufficient_scope",
			"The request requires higher privileges than the access token provides", claims.ErrForbidden,
		},
		{"a hook is unavailable", claims.ErrUnavailable, 503, "", "", claims.ErrUnavailable},
		{"keys are unavailable", claims.ErrKeysUnavailable, 503, "", "", claims.ErrKeysUnavailable},
		{"keys are unavailable for a while", &claims.UnavailableError{}, 503, "", "", claims.ErrKeysUnavailable},
		{"the context was cancelled", context.Canceled, 503, "", "", claims.ErrUnavailable},
		{"the context's deadline passed", fmt.Errorf("x: %w", context.DeadlineExceeded), 503, "", "", claims.ErrUnavailable},
		{"neither claims nor an error", nil, 503, "", "", claims.ErrUnavailable},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth := newAuth(t, refusing(tt.err))
			a := serve(t, auth.RequireScopes("read:x")(whoami), get("Bearer x"))
			assert.Equal(t, tt.status, a.Status)
			assert.Equal(t, tt.code, a.Challenge["error"])
			assert.Equal(t, tt.description, a.Challenge["error_description"])
			wantScope := ""
			if tt.status == 401 {
				wantScope = "read:x" // for a 403 a hook decided, so another scope would not help
			}
			assert.Equal(t, wantScope, a.Challenge["scope"])

			_, err := auth.GuardAuthenticated().Check(get("Bearer x"))
			var e *middleware.Error
			assert.ErrorAs(t, err, &e)
			assert.Equal(t, tt.reason, e.Reason)
			assert.ErrorIs(t, err, tt.reason)
			if tt.err != nil {
				assert.ErrorIs(t, err, tt.err)
			}
		})
	}
}

func TestAnswerWithoutAToken(t *testing.T) {
	auth := newAuth(t, accepting(t, `{}`))
	t.Run("the challenge has no error (RFC 6750 section 3.1)", func(t *testing.T) {
		a := serve(t, auth.Handler(whoami), get())
		assert.Equal(t, http.StatusUnauthorized, a.Status)
		assert.Equal(t, map[string]string{"realm": "api"}, a.Challenge)
		assert.Equal(t, `Bearer realm="api"`, a.Header.Get("WWW-Authenticate"))
	})
	t.Run("the challenge has the scopes of the route, if there are any", func(t *testing.T) {
		route := auth.Require(middleware.AllScopes("a", "b"), middleware.AnyScope("c", "d"), middleware.AllScopes("a"))
		a := serve(t, route(whoami), get())
		assert.Equal(t, map[string]string{"realm": "api", "scope": "a b c"}, a.Challenge)
	})
	t.Run("a malformed request gets no scopes (RFC 6750 section 3.1)", func(t *testing.T) {
		a := serve(t, auth.RequireScopes("a")(whoami), get("Bearer"))
		assert.Equal(t, http.StatusBadRequest, a.Status)
		assert.Equal(t, map[string]string{
			"realm": "api", "error": "invalid_request",
			"error_description": "The Authorization header does not hold exactly one bearer token",
		}, a.Challenge)
	})
}

func TestEveryAnswerInFull(t *testing.T) {
	auth := newAuth(t, accepting(t, `{}`), func(c *middleware.Config) {
		c.Realm = `a "b" \ c`
		c.ResourceMetadataURL = "https://api.example.test/.well-known/oauth-protected-resource"
	})
	a := serve(t, auth.RequireScopes("read:x", "read:y")(whoami), get("Bearer "+goodToken))
	assert.Equal(t, `Bearer realm="a \"b\" \\ c", error="insufficient_scope", `+
		`error_description="The request requires higher privileges than the access token provides", `+
		`scope="read:x read:y", resource_metadata="https://api.example.test/.well-known/oauth-protected-resource"`,
		a.Header.Get("WWW-Authenticate"))
	assert.Equal(t, `a "b" \ c`, a.Challenge["realm"], "RFC 9110 section 5.6.4: quotes are escaped")
	assert.Equal(t, `{"type":"about:blank","title":"Forbidden","status":403,"error":"insufficient_scope",`+
		`"error_description":"The request requires higher privileges than the access token provides"}`, a.Body)

	for rule, field := range map[string]string{
		"no token": "", "malformed": "Bearer", "invalid": "Bearer x", "forbidden": "Bearer " + goodToken,
	} {
		t.Run("resource_metadata is in the challenge, RFC 9728 section 5.1: "+rule, func(t *testing.T) {
			a := serve(t, auth.RequireScopes("x")(whoami), get(field))
			assert.Equal(t, "https://api.example.test/.well-known/oauth-protected-resource", a.Challenge["resource_metadata"])
		})
	}
}

func TestOneIssuerGetsADescriptionForEachReason(t *testing.T) {
	auth, err := middleware.New(middleware.Config{Issuer: "https://issuer.example.test/", Audiences: []string{"api"}})
	assert.NoError(t, err)
	seen := map[string]claims.Reason{}
	for _, reason := range []claims.Reason{
		claims.ErrMalformed, claims.ErrAlgorithm, claims.ErrType, claims.ErrIssuer, claims.ErrAudience,
		claims.ErrExpired, claims.ErrNotYetValid, claims.ErrMissingClaim, claims.ErrConfirmation,
		claims.ErrUnknownKey, claims.ErrUnusableKey, claims.ErrSignature, claims.ErrRevoked, claims.ErrRejected,
	} {
		description := written(t, auth, reason).Challenge["error_description"]
		assert.NotEmpty(t, description, reason)
		assert.Empty(t, seen[description], "%q is the text of two reasons", description)
		seen[description] = reason
	}
}

// written returns what WriteError writes for err.
func written(t *testing.T, auth *middleware.Middleware, err error) answer {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { auth.WriteError(w, r, err) }), get())
}

func TestAnswerSaysWhatWriteErrorSends(t *testing.T) {
	auth := newAuth(t, accepting(t, `{}`), func(c *middleware.Config) { c.Resource = "https://api.example.test" })
	weak := &middleware.Error{
		Status: 401, Code: "insufficient_user_authentication", Scopes: []string{"a"}, ACRValues: []string{"mfa"}, MaxAge: time.Minute,
	}
	for rule, tt := range map[string]struct {
		err         error
		description string
	}{
		"no token":              {&middleware.Error{Status: 401}, "The request has no bearer token in its Authorization header"},
		"no token, with scopes": {&middleware.Error{Status: 401, Scopes: []string{"a"}}, "The request has no bearer token in its Authorization header"},
		"malformed": {
			&middleware.Error{Status: 400, Code: "invalid_request"}, "The Authorization header does not hold exactly one bearer token",
		},
		"invalid":       {claims.ErrRevoked, "The access token was revoked"},
		"no reason":     {nil, rejectedText},
		"forged":        {claims.ErrSignature, severalIssuersText},
		"too weak":      {weak, authenticationText},
		"forbidden":     {claims.ErrForbidden, "The request requires higher privileges than the access token provides"},
		"unavailable":   {&claims.UnavailableError{RetryAfter: 1500 * time.Millisecond}, "The access token cannot be verified at the moment"},
		"another code":  {&middleware.Error{Status: 401, Code: "use_another_code"}, "Unauthorized"},
		"another state": {&middleware.Error{Status: 429}, "Too Many Requests"},
	} {
		t.Run(rule, func(t *testing.T) {
			a := auth.Answer(tt.err)
			assert.Equal(t, tt.description, a.Description)
			w := httptest.NewRecorder()
			auth.WriteError(w, get(), tt.err)
			assert.Equal(t, w.Code, a.Status)
			assert.Equal(t, w.Header()["Www-Authenticate"], a.Challenges)
			seconds, _ := strconv.Atoi(w.Header().Get("Retry-After"))
			assert.Equal(t, time.Duration(seconds)*time.Second, a.RetryAfter)
			var body map[string]any
			assert.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
			code, _ := body["error"].(string)
			assert.Equal(t, code, a.Code)
			for _, name := range []string{"error_description", "detail"} {
				if text, ok := body[name]; ok {
					assert.Equal(t, text, a.Description, name)
				}
			}
		})
	}
}

func TestChallengesOfAnAnswerAreTheCallers(t *testing.T) {
	auth := newAuth(t, accepting(t, `{}`))
	want := auth.Answer(claims.ErrExpired)
	changed := auth.Answer(claims.ErrExpired)
	changed.Challenges[0] = "changed"
	_ = append(changed.Challenges, "changed")
	assert.Equal(t, want, auth.Answer(claims.ErrExpired))
}

func TestErrNoTokenIsForRequestsWithoutABearerToken(t *testing.T) {
	auth := newAuth(t, accepting(t, `{}`))
	guard := auth.Guard(middleware.AllScopes("a"))
	for field, want := range map[string]bool{
		"": true, "Basic YTpi": true, "DPoP " + goodToken: true,
		"Bearer": false, "Bearer x": false, "Bearer " + goodToken: false,
	} {
		_, err := guard.Check(get(field))
		assert.Error(t, err)
		assert.Equal(t, want, errors.Is(err, middleware.ErrNoToken), field)
	}
	assert.ErrorIs(t, middleware.Authorize(t.Context(), allow()), middleware.ErrNoToken, "a handler without claims")
	assert.NotErrorIs(t, &middleware.Error{Status: 503}, middleware.ErrNoToken)
	assert.NotErrorIs(t, &middleware.Error{Status: 401, Code: "invalid_token"}, middleware.ErrNoToken)
}

func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		rule string
		d    time.Duration
		want string
	}{
		{"unknown", 0, "5"},
		{"in the past", -time.Second, "5"},
		{"less than a second is a second", time.Millisecond, "1"},
		{"whole seconds", 3 * time.Second, "3"},
		{"rounded up (RFC 9110 section 10.2.3)", 3*time.Second + 1, "4"},
		{"the longest duration", 1<<63 - 1, "9223372037"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth := newAuth(t, refusing(&claims.UnavailableError{RetryAfter: tt.d, Err: errors.New("secret")}))
			a := serve(t, auth.Handler(whoami), get("Bearer x"))
			assert.Equal(t, http.StatusServiceUnavailable, a.Status)
			assert.Equal(t, tt.want, a.Header.Get("Retry-After"))
			assert.Equal(t, `{"type":"about:blank","title":"Service Unavailable","status":503,`+
				`"detail":"The access token cannot be verified at the moment"}`, a.Body)
		})
	}
}

func TestWriteErrorAnswersAnyError(t *testing.T) {
	auth := newAuth(t, accepting(t, `{}`))
	var missing *middleware.Error
	for _, tt := range []struct {
		rule   string
		err    error
		status int
		code   string
	}{
		{"nil", nil, 401, "invalid_token"},
		{"a nil *Error", missing, 401, "invalid_token"},
		{"an unrelated error", errors.New("disk full"), 401, "invalid_token"},
		{"a reason", claims.ErrExpired, 401, "invalid_token"},
		{"an outage", &claims.UnavailableError{}, 503, ""},
		{"ErrNoToken", middleware.ErrNoToken, 401, ""},
		{"ErrNoToken that is wrapped", fmt.Errorf("x: %w", middleware.ErrNoToken), 401, ""},
		{"an *Error that is wrapped", fmt.Errorf("x: %w", &middleware.Error{Status: 403, Code: "insufficient_scope"}), 403, "insufficient_scope"},
		{"an Error without a status", &middleware.Error{}, 401, "invalid_token"},
		{"an Error without a status, but with a reason", &middleware.Error{Reason: claims.ErrKeysUnavailable}, 503, ""},
		{"an Error with a success status", &middleware.Error{Status: 200}, 401, "invalid_token"},
		{"an Error with a redirection status", &middleware.Error{Status: 302}, 401, "invalid_token"},
		{"a code that needs no escape", &middleware.Error{Status: 401, Code: "insufficient_user_authentication"}, 401, "insufficient_user_authentication"},
		{"a code with a quote", &middleware.Error{Status: 401, Code: `x", realm="y`}, 401, ""},
		{"a code with a line break", &middleware.Error{Status: 401, Code: "x\r\nX-Y: z"}, 401, ""},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			a := written(t, auth, tt.err)
			assert.Equal(t, tt.status, a.Status)
			assert.Equal(t, tt.code, a.Challenge["error"])
		})
	}
	t.Run("an Error with another status has no challenge", func(t *testing.T) {
		w := httptest.NewRecorder()
		auth.WriteError(w, get(), &middleware.Error{Status: http.StatusTooManyRequests})
		assert.Equal(t, http.StatusTooManyRequests, w.Code)
		assert.NotContains(t, w.Header(), "Www-Authenticate")
		assert.Equal(t, `{"type":"about:blank","title":"Too Many Requests","status":429}`, w.Body.String())
	})
	t.Run("scopes outside the grammar are left out", func(t *testing.T) {
		a := written(t, auth, &middleware.Error{Status: 403, Code: "insufficient_scope", Scopes: []string{"a", `b", x="y`}})
		assert.NotContains(t, a.Challenge, "scope")
	})
}

func TestWriteErrorReplacesOnlyItsOwnFields(t *testing.T) {
	auth := newAuth(t, accepting(t, `{}`))
	w := httptest.NewRecorder()
	for _, name := range []string{"Content-Type", "Content-Length", "Cache-Control", "WWW-Authenticate", "X-Request-Id"} {
		w.Header().Set(name, "1")
	}
	auth.WriteError(w, get(), claims.ErrKeysUnavailable)
	assert.Equal(t, http.Header{
		"Content-Type": {"application/problem+json"}, "Content-Length": {fmt.Sprint(w.Body.Len())},
		"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}, "Retry-After": {"5"},
		"X-Request-Id": {"1"},
	}, w.Header(), "a 503 removes the challenge of another handler")
}

func TestErrorForLogs(t *testing.T) {
	auth := newAuth(t, refusing(fmt.Errorf("%w: token of a test", claims.ErrRevoked)))
	for _, tt := range []struct{ field, want string }{
		{"", "middleware: 401 no bearer token"},
		{"Bearer", "middleware: 400 invalid_request"},
		{"Bearer x", "middleware: 401 invalid_token: claims: token was revoked: token of a test"},
	} {
		_, err := auth.GuardAuthenticated().Check(get(tt.field))
		assert.EqualError(t, err, tt.want)
	}
	assert.EqualError(t, &middleware.Error{Status: 503, Reason: claims.ErrUnavailable},
		"middleware: 503 unavailable: claims: verification is unavailable")

	_, err := auth.GuardAuthenticated().Check(get())
	var reason claims.Reason
	assert.False(t, errors.As(err, &reason), "no token, no reason")
	assert.NotErrorIs(t, err, claims.Reason(""))
}

// The issuer publishes the key, so the client should not throw its token away, and the operator
// should look neither for a forger nor for a rotation.
func TestB5APublishedKeyThatCannotBeUsedIsNotAnUnknownKey(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey("RS256")})
	issuer.PublishJWK(`{"kty":"RSA","kid":"weak","n":"AQAB","e":"AQAB"}`)
	auth := trusting(t, issuer)
	_, err := auth.GuardAuthenticated().Check(bearer(issuer.Token(nil, jwkstest.Header("kid", "weak"))))
	var e *middleware.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, claims.ErrUnusableKey, e.Reason)
	assert.ErrorIs(t, &middleware.Error{Reason: claims.ErrUnusableKey}, claims.ErrUnknownKey)
	assert.Equal(t, "The access token is signed with a key that this API cannot use", auth.Answer(err).Description)
}

func TestAnswersNameTheFieldOfTheToken(t *testing.T) {
	auth, issuer := behindGateway(t)
	assert.Equal(t, gatewayField, auth.Answer(nil).TokenField)
	assert.Equal(t, gatewayField, auth.Answer(claims.ErrKeysUnavailable).TokenField)
	assert.Equal(t, "Authorization", trusting(t, issuer).Answer(nil).TokenField)
}
