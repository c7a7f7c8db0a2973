package middleware_test

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

const gatewayField = "Cf-Access-Jwt-Assertion"

func inField(values ...string) *http.Request {
	r := get()
	r.Header[gatewayField] = values
	return r
}

func behindGateway(t *testing.T, edits ...func(*middleware.Config)) (*middleware.Middleware, *jwkstest.Issuer) {
	t.Helper()
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	config := middleware.Config{TokenField: "cf-access-jwt-assertion", Issuers: []claims.Issuer{{
		URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: staticKeys(t, issuer),
	}}}
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return auth, issuer
}

func TestTokenField(t *testing.T) {
	auth, issuer := behindGateway(t)
	token := issuer.Token(nil)
	withBoth := inField(token)
	withBoth.Header.Set("Authorization", "Bearer x")
	for rule, tt := range map[string]struct {
		r      *http.Request
		status int
	}{
		"the token":                     {inField(token), 200},
		"with white space around it":    {inField(" " + token + "\t"), 200},
		"no field":                      {get(), 401},
		"only an Authorization field":   {bearer(token), 401},
		"beside an Authorization field": {withBoth, 200},
		"two fields":                    {inField(token, token), 400},
		"a list":                        {inField(token + "," + token), 400},
		"a scheme":                      {inField("Bearer " + token), 400},
		"empty":                         {inField(""), 400},
		"only white space":              {inField("  "), 400},
		"no b64token":                   {inField("a\x00b"), 400},
		"junk":                          {inField("junk"), 401},
		"expired":                       {inField(issuer.Token(map[string]any{"exp": 1})), 401},
		"longer than MaxTokenBytes":     {inField(strings.Repeat("a", 16<<10+1)), 401},
		"a scheme with a bad token":     {inField("Bearer junk"), 400},
		"only the scheme":               {inField("Bearer"), 401},
		"characters that no token has":  {inField("a\"b"), 400},
	} {
		t.Run(rule, func(t *testing.T) {
			a := serve(t, auth.Handler(whoami), tt.r)
			assert.Equal(t, tt.status, a.Status)
			for _, field := range tt.r.Header[gatewayField] {
				if len(field) > 2 {
					assert.NotContains(t, a.Body, field)
				}
			}
			assert.NotContains(t, a.Body, "Authorization", "which this API does not read")
		})
	}
	assert.Contains(t, serve(t, auth.Handler(whoami), get()).Body, "no token in the field "+gatewayField)
	assert.Contains(t, serve(t, auth.Handler(whoami), inField("a", "b")).Body, "The field "+gatewayField+" does not hold exactly one token")
}

// What is too long must not be cut to something that is valid.
func TestTokenFieldIsNotCut(t *testing.T) {
	other := jwkstest.NewIssuer(jwkstest.Config{})
	token := other.Token(nil)
	auth, _ := behindGateway(t, func(c *middleware.Config) {
		c.MaxTokenBytes, c.Issuers[0].Keys = len(token), staticKeys(t, other)
	})
	assert.Equal(t, 200, serve(t, auth.Handler(whoami), inField(token)).Status)
	assert.Equal(t, 401, serve(t, auth.Handler(whoami), inField(token+"A")).Status)
}

// A transport may leave white space in a value. What is behind it is not lost by the cut.
func TestTokenFieldIsTrimmedBeforeItIsMeasured(t *testing.T) {
	auth, issuer := behindGateway(t)
	token, spaces := issuer.Token(nil), strings.Repeat(" ", 16<<10)
	tabs := strings.Repeat("\t", 16<<10)
	for rule, tt := range map[string]struct {
		value  string
		status int
	}{
		"spaces before it":                     {spaces + token, 200},
		"spaces behind it":                     {token + spaces, 200},
		"spaces and tabs around it":            {tabs + spaces + token + spaces + tabs, 200},
		"spaces, the token and junk":           {spaces[len(token):] + token + "!!! junk", 400},
		"the token, spaces and junk":           {token + spaces + "!!! junk", 401},
		"the token, tabs and junk":             {token + tabs + "junk", 401},
		"the token, fewer spaces and junk":     {token + spaces[2*len(token):] + "junk", 400},
		"the token, just as many spaces, junk": {token + spaces[len(token):] + "junk", 401},
		"spaces, and a token that is too long": {spaces + token + strings.Repeat("A", 16<<10), 401},
	} {
		_, err := auth.GuardAuthenticated().Authenticate(t.Context(), middleware.Request{
			Fields: func(string) []string { return []string{tt.value} },
		})
		if tt.status == 200 {
			assert.NoError(t, err, rule)
			continue
		}
		require.Error(t, err, rule)
		assert.Equal(t, tt.status, auth.Answer(err).Status, rule)
	}
}

func TestTokenFieldOfAnOptionalRoute(t *testing.T) {
	auth, issuer := behindGateway(t)
	optional := auth.Optional(whoami)
	a := serve(t, optional, get())
	assert.Equal(t, 200, a.Status)
	assert.Equal(t, gatewayField, a.Header.Get("Vary"))
	assert.Equal(t, 200, serve(t, optional, bearer("x")).Status, "an Authorization field is no token here")
	assert.Equal(t, 401, serve(t, optional, inField("junk")).Status)
	assert.Equal(t, 200, serve(t, optional, inField(issuer.Token(nil))).Status)
}

// A request that was let through is recognised by its token, and another token is not.
func TestTokenFieldInNestedLayers(t *testing.T) {
	verified := 0
	auth, issuer := behindGateway(t, func(c *middleware.Config) {
		c.CacheEntries = -1
		c.Issuers[0].Validate = func(context.Context, *claims.Claims) error { verified++; return nil }
	})
	inner := auth.RequireScopes("read:example")(whoami)
	require.Equal(t, 200, serve(t, auth.Handler(inner), inField(issuer.Token(nil))).Status)
	assert.Equal(t, 1, verified)

	swapped := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header[gatewayField] = []string{"junk"}
		inner.ServeHTTP(w, r)
	})
	assert.Equal(t, 401, serve(t, auth.Handler(swapped), inField(issuer.Token(nil))).Status)
}

func TestTokenFieldInAnyTransport(t *testing.T) {
	auth, issuer := behindGateway(t)
	guard := auth.GuardAuthenticated()
	asked := ""
	fields := func(name string) []string { asked = name; return []string{issuer.Token(nil)} }
	_, err := guard.Authenticate(t.Context(), middleware.Request{Fields: fields, Transport: "grpc"})
	require.NoError(t, err)
	assert.Equal(t, gatewayField, asked)
	_, err = guard.Authenticate(t.Context(), middleware.Request{Authorization: []string{"Bearer " + issuer.Token(nil)}})
	assert.ErrorIs(t, err, middleware.ErrNoToken, "a transport that does not tell its fields")
}

func TestTokenFieldIsNoMethodOfRFC6750(t *testing.T) {
	auth, _ := behindGateway(t, func(c *middleware.Config) { c.Resource = "https://api.example/" })
	w := fetch(metadataOf(t, auth), http.MethodGet, "/.well-known/oauth-protected-resource")
	assert.Equal(t, 200, w.Code)
	assert.NotContains(t, w.Body.String(), "bearer_methods_supported")
}

// The constructors name where the keys of the gateways are, and the fields that have the tokens.
func TestTokensOfGateways(t *testing.T) {
	const tag, app = "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228", "/projects/1/global/backendServices/2"
	now := time.Now().Unix()
	user := map[string]any{"aud": []string{tag}, "type": "app", "sub": "7335d417", "iat": now, "exp": now + 3600}
	type sent struct {
		claims map[string]any
		status int
	}
	for _, gateway := range []struct {
		name, field, alg string
		issuer           claims.Issuer
		cases            map[string]sent
	}{
		{"Cloudflare Access", providers.CloudflareAccessField, "RS256", providers.CloudflareAccess("acme", tag), map[string]sent{
			"a user":                 {user, 200},
			"a service":              {with(user, map[string]any{"sub": "", "common_name": "e367.access"}), 200},
			"neither":                {with(user, map[string]any{"sub": ""}), 401},
			"a token of the account": {with(user, map[string]any{"type": "org"}), 401},
			"another application":    {with(user, map[string]any{"aud": []string{strings.Repeat("0", 64)}}), 401},
		}},
		{"Google IAP", providers.GoogleIAPField, "ES256", providers.GoogleIAP(app), map[string]sent{
			"a user":              {map[string]any{"aud": app, "sub": "accounts.google.com:1", "iat": now, "exp": now + 600}, 200},
			"without a user":      {map[string]any{"aud": app, "sub": "", "iat": now, "exp": now + 600}, 401},
			"another application": {map[string]any{"aud": app + "3", "sub": "accounts.google.com:1", "iat": now, "exp": now + 600}, 401},
			"valid for an hour":   {map[string]any{"aud": app, "sub": "accounts.google.com:1", "iat": now, "exp": now + 3600}, 401},
		}},
	} {
		t.Run(gateway.name, func(t *testing.T) {
			issuer := jwkstest.NewIssuer(jwkstest.Config{URL: gateway.issuer.URL, Key: jwkstest.NewKey(gateway.alg)})
			issuer.MoveJWKS(gateway.issuer.JWKSURL)
			auth, err := middleware.New(middleware.Config{
				TokenField: gateway.field, Issuers: []claims.Issuer{gateway.issuer}, Client: issuer.Client(),
			})
			require.NoError(t, err)
			for rule, tt := range gateway.cases {
				token := issuer.Token(with(map[string]any{"scope": jwkstest.Absent}, tt.claims))
				r := get()
				r.Header.Set(gateway.field, token)
				assert.Equal(t, tt.status, serve(t, auth.Handler(whoami), r).Status, rule)
				assert.Equal(t, 401, serve(t, auth.Handler(whoami), bearer(token)).Status, "%s, in another field", rule)
			}
		})
	}
}

// with returns the claims with changes.
func with(all, changes map[string]any) map[string]any {
	all = maps.Clone(all)
	maps.Copy(all, changes)
	return all
}

func TestTokenFieldMistakes(t *testing.T) {
	for _, name := range []string{
		"a b", "a:b", "é", "a\r\nb", "Authorization", "authorization", "Cookie", "DPoP", "Proxy-Authorization", "Host",
		"Connection", "Content-Length", "content-type", "Set-Cookie", "TE", "te", "Trailer", "Transfer-Encoding", "upgrade",
		"Expect", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Sec-WebSocket-Protocol", ":authority",
	} {
		_, err := middleware.New(middleware.Config{Issuer: issuerURL, Audiences: []string{api}, TokenField: name})
		assert.ErrorContains(t, err, "middleware: invalid Config.TokenField", name)
	}
	_, err := middleware.New(middleware.Config{
		Issuer: issuerURL, Audiences: []string{api}, TokenField: "X-Token", DPoP: &dpop.Config{Origins: []string{"https://api.example"}},
	})
	assert.ErrorContains(t, err, "there is no DPoP")
}

// What reaches the verifier is the whole value of the one field, without the white space around it.
func FuzzTokenField(f *testing.F) {
	const most = 64
	for _, seed := range []string{
		"", "x", " x\t", "Bearer", "Bearer x", "x y", "x,x", "x==", "=", "x=y", "\xff", "\u00a0x", "x\n", "\tx\r",
		strings.Repeat("a", most), strings.Repeat("a", most) + " b", strings.Repeat(" ", most) + "x", strings.Repeat("a", most+1),
	} {
		f.Add(seed, false)
	}
	f.Add("x", true)
	b64token := regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)
	c := claimsOf(f, `{}`)
	got := ""
	fake := verifierFunc(func(_ context.Context, token string, _ ...claims.Proof) (*claims.Claims, error) {
		got = token
		return c, nil
	})
	guard := newAuth(f, fake, func(c *middleware.Config) { c.TokenField, c.MaxTokenBytes = gatewayField, most }).GuardAuthenticated()
	f.Fuzz(func(t *testing.T, value string, twice bool) {
		values := []string{value}
		if twice {
			values = append(values, value)
		}
		got = ""
		_, err := guard.Authenticate(t.Context(), middleware.Request{Fields: func(string) []string { return values }})
		want := strings.Trim(value, " \t")
		if !twice && len(want) <= most && b64token.MatchString(want) {
			require.NoError(t, err)
			require.Equal(t, want, got)
			return
		}
		var e *middleware.Error
		require.ErrorAs(t, err, &e)
		require.Empty(t, got, "the verifier was asked")
		if twice || len(want) <= most {
			require.Equal(t, http.StatusBadRequest, e.Status)
		}
	})
}
