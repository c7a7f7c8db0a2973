package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// entraIssuer has keys that are not fetched, because a fetch would log as well.
func entraIssuer(t testing.TB, issuer *jwkstest.Issuer) claims.Issuer {
	return claims.Issuer{
		URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, RequiredClaims: []string{"tid"}, Keys: staticKeys(t, issuer),
		Validate: func(context.Context, *claims.Claims) error { return errors.New("a text of the hook") },
	}
}

// The log of a refusal says which of the library's rules refused it, and which configured
// issuer it is about. It has no text of a hook, and nothing of the token.
func TestD1TheLogHasTheDetailOfARefusal(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	with := func(name string, value any) string { return issuer.Token(map[string]any{"tid": "t", name: value}) }
	deny := func(err error) middleware.Policy {
		return middleware.PolicyFunc(func(context.Context, *claims.Claims) error { return err })
	}
	for rule, tt := range map[string]struct {
		token  string
		policy middleware.Policy
		want   string // after the status and the code
	}{
		"a required claim": {issuer.Token(nil), middleware.Policy{}, `reason=missing_claim issuer=%s detail=tid`},
		"encrypted":        {"a.b.c.d.e", middleware.Policy{}, `reason=malformed detail="encrypted tokens (JWE) are not accepted"`},
		"too long":         {strings.Repeat("a", 16<<10+1), middleware.Policy{}, `reason=malformed detail="the token is longer than Config.MaxTokenBytes"`},
		"a wrong type":     {with("exp", "soon"), middleware.Policy{}, `reason=malformed detail="payload: exp: not a number"`},
		"bound to a key":   {with("cnf", map[string]any{"jkt": "x"}), middleware.Policy{}, `reason=confirmation issuer=%s detail="no proof of jkt"`},
		"slash": {
			with("iss", strings.TrimSuffix(issuer.URL(), "/")),
			middleware.Policy{},
			`reason=issuer detail="iss differs from a configured issuer in the slash at its end"`,
		},
		"a hook": {with("hook", 1), middleware.Policy{}, `reason=rejected issuer=%s`},
	} {
		t.Run(rule, func(t *testing.T) {
			var out bytes.Buffer
			config := middleware.Config{Issuers: []claims.Issuer{entraIssuer(t, issuer)}}
			logTo(&out, slog.LevelDebug)(&config)
			auth, err := middleware.New(config)
			require.NoError(t, err)
			auth.Handler(whoami).ServeHTTP(httptest.NewRecorder(), bearer(tt.token))
			line := lastLine(out.String())
			assert.Contains(t, line, strings.ReplaceAll(tt.want, "%s", issuer.URL()))
			assert.NotContains(t, line, "a text of the hook")
		})
	}
	for rule, tt := range map[string]struct {
		policy middleware.Policy
		want   string
	}{
		"scopes":      {middleware.AllScopes("other"), `reason=forbidden issuer=%s detail="a scope is missing"`},
		"another":     {middleware.FromIssuer("https://x.example"), `detail="the token is from another issuer"`},
		"zero policy": {middleware.Policy{}, `detail="the zero Policy denies"`},
		"acr":         {middleware.RequireAuthentication(0, "mfa"), `reason=authentication issuer=%s detail="acr is none of those that are demanded"`},
		"its own":     {deny(errors.New("a text of the policy")), `reason=forbidden`},
		"its detail":  {deny(talkative{}), `reason=forbidden issuer=%s`},
	} {
		t.Run(rule, func(t *testing.T) {
			var out bytes.Buffer
			config := middleware.Config{Issuers: []claims.Issuer{
				{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: staticKeys(t, issuer)},
			}}
			logTo(&out, slog.LevelDebug)(&config)
			auth, err := middleware.New(config)
			require.NoError(t, err)
			auth.Require(tt.policy)(whoami).ServeHTTP(httptest.NewRecorder(), bearer(issuer.Token(nil)))
			line := lastLine(out.String())
			assert.Contains(t, line, strings.ReplaceAll(tt.want, "%s", issuer.URL()))
			assert.NotContains(t, line, "a text")
		})
	}
}

// A Verifier of the application can have any error, with any text.
func TestD1TheLogHasNoDetailOfAnotherVerifier(t *testing.T) {
	var out bytes.Buffer
	auth := newAuth(t, refusing(talkative{}), logTo(&out, slog.LevelDebug))
	auth.Handler(whoami).ServeHTTP(httptest.NewRecorder(), get("Bearer x"))
	assert.Contains(t, out.String(), "request refused")
	assert.NotContains(t, out.String(), "a text")
}

type talkative struct{}

func (talkative) Error() string  { return "a text" }
func (talkative) Detail() string { return "a text" }
func (talkative) Issuer() string { return "a text" }

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// A mistake in the configuration refuses every token. One warning says so.
func TestD2AnIssuerOfWhichNoTokenWasAccepted(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	start := func(edit func(*middleware.Config)) (*middleware.Middleware, *bytes.Buffer) {
		var out bytes.Buffer
		return trusting(t, issuer, logTo(&out, slog.LevelWarn), edit), &out
	}
	send := func(auth *middleware.Middleware, times int, token string) {
		for range times {
			auth.Handler(whoami).ServeHTTP(httptest.NewRecorder(), bearer(token))
		}
	}
	none := func(*middleware.Config) {}

	t.Run("wrong audience", func(t *testing.T) {
		auth, out := start(func(c *middleware.Config) { c.Audiences = []string{"https://another.example"} })
		send(auth, 9, issuer.Token(nil))
		assert.Empty(t, out.String(), "a few refusals are nothing")
		send(auth, 1000, issuer.Token(nil))
		assert.Equal(t, `level=WARN msg="middleware: no token of this issuer was ever accepted" refused=10 reason=audience issuer=`+
			issuer.URL()+"\n", out.String(), "one line")
	})
	t.Run("the detail is told", func(t *testing.T) {
		auth, out := start(func(c *middleware.Config) { c.RequiredClaims = []string{"tid"} })
		send(auth, 1000, issuer.Token(nil))
		assert.Contains(t, out.String(), "reason=missing_claim issuer="+issuer.URL()+" detail=tid\n")
	})
	t.Run("wrong issuer", func(t *testing.T) {
		auth, out := start(none)
		send(auth, 1000, issuer.Token(map[string]any{"iss": strings.TrimSuffix(issuer.URL(), "/")}))
		assert.Equal(t, `level=WARN msg="middleware: no token was ever accepted" refused=10 reason=issuer issuers=[`+issuer.URL()+
			`] detail="iss differs from a configured issuer in the slash at its end"`+"\n", out.String())
	})
	t.Run("the most frequent reason", func(t *testing.T) {
		auth, out := start(none)
		send(auth, 4, issuer.Token(map[string]any{"exp": 1}))
		send(auth, 5, issuer.Token(map[string]any{"aud": "x"}))
		send(auth, 1, issuer.Token(map[string]any{"exp": jwkstest.Absent}))
		assert.Contains(t, out.String(), "refused=10 reason=audience")
	})
	t.Run("not after a token was accepted", func(t *testing.T) {
		auth, out := start(none)
		send(auth, 1, issuer.Token(nil))
		send(auth, 1000, issuer.Token(map[string]any{"aud": "x"}))
		send(auth, 1000, issuer.Token(map[string]any{"iss": "https://evil.example"}))
		assert.Empty(t, out.String())
	})
	t.Run("each issuer has its own warning", func(t *testing.T) {
		other := jwkstest.NewIssuer(jwkstest.Config{URL: "https://other.example.test/"})
		var out bytes.Buffer
		config := middleware.Config{Issuers: []claims.Issuer{
			{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: staticKeys(t, issuer)},
			{URL: other.URL(), Audiences: []string{"x"}, Keys: staticKeys(t, other)},
		}}
		logTo(&out, slog.LevelWarn)(&config)
		auth, err := middleware.New(config)
		require.NoError(t, err)
		send(auth, 1, issuer.Token(nil))
		send(auth, 1000, other.Token(nil))
		assert.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
		assert.Contains(t, out.String(), "issuer="+other.URL())
	})
	t.Run("a policy refuses no token", func(t *testing.T) {
		auth, out := start(none)
		for range 100 {
			auth.RequireScopes("other")(whoami).ServeHTTP(httptest.NewRecorder(), bearer(issuer.Token(nil)))
			auth.Handler(whoami).ServeHTTP(httptest.NewRecorder(), get())
		}
		assert.Empty(t, out.String())
	})
}
