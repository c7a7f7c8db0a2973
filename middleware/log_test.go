package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

func logTo(out *bytes.Buffer, level slog.Level) func(*middleware.Config) {
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: noTime}))
	return func(c *middleware.Config) { c.Logger = logger }
}

func TestRefusalsAreLoggedAtDebugLevel(t *testing.T) {
	for field, want := range map[string]string{
		"":                    `level=DEBUG msg="middleware: request refused" status=401 error="" reason=""`,
		"Bearer":              `level=DEBUG msg="middleware: request refused" status=400 error=invalid_request reason=""`,
		"Bearer x":            `level=DEBUG msg="middleware: request refused" status=401 error=invalid_token reason=signature`,
		"Bearer " + goodToken: `level=DEBUG msg="middleware: request refused" status=403 error=insufficient_scope reason=forbidden detail="a scope is missing"`,
	} {
		var out bytes.Buffer
		auth := newAuth(t, accepting(t, `{}`), logTo(&out, slog.LevelDebug))
		serve(t, auth.RequireScopes("a")(whoami), get(field))
		assert.Equal(t, want+"\n", out.String(), "one line")
	}
	t.Run("what is let through is not logged", func(t *testing.T) {
		var out bytes.Buffer
		auth := newAuth(t, accepting(t, `{}`), logTo(&out, slog.LevelDebug))
		serve(t, auth.Handler(whoami), get("Bearer "+goodToken))
		serve(t, auth.Optional(whoami), get())
		assert.Empty(t, out.String())
	})
}

// An outage affects every request: a line for each would hide the others.
func TestAnOutageIsOneWarningInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		auth := newAuth(t, refusing(&claims.UnavailableError{}), logTo(&out, slog.LevelInfo))
		h := auth.Handler(whoami)
		for range 100 {
			serve(t, h, get("Bearer x"))
		}
		const line = `level=WARN msg="middleware: request could not be decided" reason=keys_unavailable unlogged=%d` + "\n"
		want := fmt.Sprintf(line, 0)
		assert.Equal(t, want, out.String())

		time.Sleep(10*time.Second - 1)
		serve(t, h, get("Bearer x"))
		assert.Equal(t, want, out.String())

		time.Sleep(time.Nanosecond)
		serve(t, h, get("Bearer x"))
		assert.Equal(t, want+fmt.Sprintf(line, 100), out.String())
	})
}

func TestACallerThatGaveUpCausesNoWarning(t *testing.T) {
	var out bytes.Buffer
	auth := newAuth(t, refusing(context.Canceled), logTo(&out, slog.LevelInfo))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := serve(t, auth.Handler(whoami), get("Bearer x").WithContext(ctx))
	assert.Equal(t, http.StatusServiceUnavailable, a.Status)
	assert.Empty(t, out.String())
}

func TestDefaultLoggerIsReadForEachLine(t *testing.T) {
	auth, err := middleware.New(middleware.Config{Verifier: refusing(claims.ErrUnavailable)})
	require.NoError(t, err)
	var out lockedText // a fetch of another test may still write to it
	previous := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(previous)
	serve(t, auth.Handler(whoami), get("Bearer x"))
	assert.Contains(t, out.String(), "reason=unavailable")
}

// RFC 9700 section 4.9.2 and RFC 6750 section 5.3: a token must not get into logs or
// answers. Here every error, field and claim has the secret.
func TestNothingOfARequestIsLoggedOrSent(t *testing.T) {
	const secret = "c2VjcmV0"
	leaks := []error{
		errors.New(secret), fmt.Errorf("%w: %s", claims.ErrSignature, secret), claims.Reason(secret),
		&claims.UnavailableError{Err: errors.New(secret)}, fmt.Errorf("%w: %s", claims.ErrForbidden, secret),
		fmt.Errorf("%s: %w", secret, context.Canceled),
		&middleware.Error{Status: 401, Code: secret, Reason: secret, Scopes: []string{secret}, Err: errors.New(secret)},
	}
	fields := [][]string{
		{"Bearer " + secret},
		{"Bearer " + secret + "\r\nSet-Cookie: " + secret},
		{"Bearer " + secret + ", Bearer " + secret},
		{"Bearer " + secret, "Basic " + secret},
		{"Bearer " + strings.Repeat(secret, 1<<12)},
		{"Basic " + secret},
		{secret},
		{secret + ": \"" + secret + "\\"},
	}
	var out bytes.Buffer
	for _, leak := range leaks {
		for _, verifier := range []verifierFunc{refusing(leak), accepting(t, `{"sub":"`+secret+`"}`)} {
			auth := newAuth(t, verifier, logTo(&out, slog.LevelDebug-4))
			route := auth.Require(returning(leak))
			for _, field := range append(fields, []string{"Bearer " + goodToken}) {
				r := get(field...)
				r.URL.Path, r.URL.RawQuery, r.Host = "/"+secret, "access_token="+secret, secret+".test"
				r.Header.Set("Cookie", secret)
				for _, h := range []http.Handler{route(whoami), auth.Optional(route(whoami))} {
					a := serve(t, h, r)
					assert.NotEqual(t, http.StatusOK, a.Status)
					assert.NotContains(t, fmt.Sprint(a), secret, "%v %v", leak, field)
					assert.NotContains(t, fmt.Sprint(a), "payload")
				}
			}
		}
	}
	assert.NotEmpty(t, out.String())
	assert.NotContains(t, out.String(), secret)
	assert.NotContains(t, out.String(), "payload", "no part of the good token either")
}

func TestContextDoesNotPrintTheToken(t *testing.T) {
	guard := newAuth(t, accepting(t, `{}`)).GuardAuthenticated()
	ctx, err := guard.Authenticate(t.Context(), middleware.Request{Authorization: []string{"Bearer " + goodToken}})
	require.NoError(t, err)
	type key struct{}
	child := context.WithValue(ctx, key{}, 1)
	var out bytes.Buffer
	text, object := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	for _, c := range []context.Context{ctx, child} {
		fmt.Fprintf(&out, "%v %+v %#v %s %q %d %x", c, c, c, c, c, c, c)
		text.Info("context", "ctx", c)
		object.Info("context", "ctx", c)
	}
	assert.NotContains(t, out.String(), goodToken)
	assert.NotContains(t, out.String(), fmt.Sprintf("%x", goodToken))
}
