package claims_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/contextkey"
)

func parse(t testing.TB, payload string) *claims.Claims {
	t.Helper()
	c, err := claims.ParseUnverified([]byte(payload))
	require.NoError(t, err)
	return c
}

func TestAccessors(t *testing.T) {
	c := parse(t, `{"iss":"i","sub":"s","aud":["a","b"],"exp":1893557045,"nbf":1.5,"iat":2e0,"jti":"j","client_id":"c",
		"scope":"read:x  write:x","realm_access":{"roles":["admin","user"]},"cnf":{"jkt":"thumb"}}`)
	assert.Equal(t, "i", c.Issuer())
	assert.Equal(t, "s", c.Subject())
	assert.Equal(t, []string{"a", "b"}, c.Audience())
	assert.Equal(t, now.Add(goodFor), c.ExpiresAt())
	assert.Equal(t, time.Unix(1, 5e8).UTC(), c.NotBefore())
	assert.Equal(t, time.Unix(2, 0).UTC(), c.IssuedAt())
	assert.Equal(t, "j", c.ID())
	assert.Equal(t, "c", c.ClientID())
	assert.Equal(t, []string{"read:x", "write:x"}, c.Scopes())
	assert.True(t, c.HasScope("write:x"))
	assert.Equal(t, []string{"admin", "user"}, c.Strings("realm_access", "roles"))
	value, ok := c.Confirmation("jkt")
	assert.True(t, ok)
	assert.JSONEq(t, `"thumb"`, string(value))
}

func TestNilClaimsReturnZeroValues(t *testing.T) {
	var c *claims.Claims
	assert.Zero(t, c.Issuer()+c.Subject()+c.ID()+c.ClientID()+c.SessionID())
	assert.Empty(t, c.Audience())
	assert.Empty(t, c.Scopes())
	assert.Empty(t, c.Strings("a"))
	assert.False(t, c.HasScope(""))
	assert.True(t, c.ExpiresAt().IsZero() && c.NotBefore().IsZero() && c.IssuedAt().IsZero())
	_, ok := c.Confirmation("jkt")
	assert.False(t, ok)
	assert.NotPanics(t, func() { _ = fmt.Sprint(c) })
	require.Error(t, c.Decode(new(struct{})), "a caller that forgets to check for nil must not see empty claims")
}

func TestAbsentClaimsAreZero(t *testing.T) {
	c := parse(t, `{}`)
	assert.Empty(t, c.Audience())
	assert.Empty(t, c.Scopes())
	assert.False(t, c.HasScope(""))
	assert.True(t, c.ExpiresAt().IsZero())
	assert.Nil(t, c.Strings())
}

func TestClaimsAreImmutable(t *testing.T) {
	payload := []byte(`{"aud":["a","b"],"scp":["x","y"],"roles":["r"],"cnf":{"jkt":"k"}}`)
	c, err := claims.ParseUnverified(payload)
	require.NoError(t, err)
	for i := range payload {
		payload[i] = ' '
	}
	c.Audience()[0], c.Scopes()[0], c.Strings("roles")[0] = "evil", "evil", "evil"
	_ = append(c.Scopes()[:1], "admin")
	value, _ := c.Confirmation("jkt")
	value[1] = 'x'

	assert.Equal(t, []string{"a", "b"}, c.Audience())
	assert.Equal(t, []string{"x", "y"}, c.Scopes())
	assert.False(t, c.HasScope("admin"))
	assert.Equal(t, []string{"r"}, c.Strings("roles"))
	again, _ := c.Confirmation("jkt")
	assert.Equal(t, `"k"`, string(again))
}

func TestScopes(t *testing.T) {
	for _, tc := range []struct {
		rule, payload string
		want          []string
	}{
		{"a string is split at spaces (RFC 6749 section 3.3)", `{"scope":"a b:c  d "}`, []string{"a", "b:c", "d"}},
		{"only at U+0020", `{"scope":"a\tb\nc\u00a0d"}`, []string{"a\tb\nc\u00a0d"}},
		{"a comma is not a separator", `{"scope":"a,b"}`, []string{"a,b"}},
		{"an escaped space is a space", `{"scope":"a\u0020b"}`, []string{"a", "b"}},
		{"each element of an array is one scope, never split", `{"scope":["a","b c"]}`, []string{"a", "b c"}},
		{"scp is read where scope is absent", `{"scp":"a b"}`, []string{"a", "b"}},
		{"scp as an array (Okta)", `{"scp":["a","b"]}`, []string{"a", "b"}},
		{"claims are not merged", `{"scope":"a","scp":"b"}`, []string{"a"}},
		{"an empty scope hides scp", `{"scope":"","scp":"b"}`, nil},
		{"an empty array hides scp", `{"scope":[],"scp":"b"}`, nil},
		{"null hides scp and grants nothing", `{"scope":null,"scp":"b"}`, nil},
		{"a number grants nothing", `{"scope":1}`, nil},
		{"an object grants nothing", `{"scope":{"a":true}}`, nil},
		{"an array with a number grants nothing", `{"scope":["a",1]}`, nil},
		{"a nested array grants nothing", `{"scope":[["a"]]}`, nil},
		{"Scope is another claim", `{"Scope":"a","SCP":"b"}`, nil},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			c := parse(t, tc.payload)
			assert.ElementsMatch(t, tc.want, c.Scopes())
			for _, scope := range tc.want {
				assert.True(t, c.HasScope(scope))
			}
			for _, scope := range []string{"", " ", "b", "A", "a ", "*"} {
				if !strings.Contains(strings.Join(tc.want, "\x00"), scope) || scope == "" {
					assert.False(t, c.HasScope(scope), "%q", scope)
				}
			}
		})
	}
}

func TestScopeClaims(t *testing.T) {
	for _, tc := range []struct {
		rule  string
		paths [][]string
		extra members
		want  []string
	}{
		{"a path of two names", [][]string{{"realm_access", "roles"}}, members{"realm_access": `{"roles":["a"]}`}, []string{"a"}},
		{"a namespaced claim with dots", [][]string{{"https://x.example/a.b"}}, members{"https://x.example/a.b": `["a"]`}, []string{"a"}},
		{"the first claim present is used", [][]string{{"p"}, {"scope"}}, nil, []string{"read:x", "write:x"}},
		{"even if it is mistyped", [][]string{{"p"}, {"scope"}}, members{"p": `1`}, nil},
		{"a path through a string is absent", [][]string{{"scope", "x"}, {"sub"}}, nil, []string{"alice"}},
		{"a path through an array is absent", [][]string{{"p", "0"}}, members{"p": `["a"]`}, nil},
		{"a name written with escapes", [][]string{{"p", "q"}}, members{"p": `{"\u0071":"a"}`}, []string{"a"}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			issuer := goodIssuer()
			issuer.ScopeClaims = tc.paths
			c, err := newVerifier(t, issuer).Verify(t.Context(), token(tc.extra))
			require.NoError(t, err)
			assert.ElementsMatch(t, tc.want, c.Scopes())
		})
	}
}

func TestClientID(t *testing.T) {
	for _, tc := range []struct{ rule, payload, want string }{
		{"client_id first (RFC 9068 section 2.2)", `{"appid":"d","cid":"c","azp":"b","client_id":"a"}`, "a"},
		{"then azp", `{"appid":"d","cid":"c","azp":"b"}`, "b"},
		{"then cid", `{"appid":"d","cid":"c"}`, "c"},
		{"then appid", `{"appid":"d"}`, "d"},
		{"cid that is not a string", `{"cid":7,"appid":"d"}`, "d"},
		{"never sub (RFC 9700 section 4.15)", `{"sub":"a"}`, ""},
	} {
		t.Run(tc.rule, func(t *testing.T) { assert.Equal(t, tc.want, parse(t, tc.payload).ClientID()) })
	}
}

func TestSessionID(t *testing.T) {
	for _, tc := range []struct{ rule, payload, want string }{
		{"sid", `{"sid":"08a5019c"}`, "08a5019c"},
		{"written with escapes", `{"sid":"\u0061"}`, "a"},
		{"absent", `{"jti":"a","sub":"b"}`, ""},
		{"null", `{"sid":null}`, ""},
		{"not a string", `{"sid":["a"]}`, ""},
		{"a name in another case", `{"SID":"a"}`, ""},
	} {
		t.Run(tc.rule, func(t *testing.T) { assert.Equal(t, tc.want, parse(t, tc.payload).SessionID()) })
	}
}

func TestStrings(t *testing.T) {
	c := parse(t, `{"one":"a b","many":["a","b"],"none":[],"mixed":["a",1],"null":null,"deep":{"x":{"y":["z"]},"s":"t"},"b\u00e9":"c","*":"star","stars":{"*":["in"]}}`)
	for _, tc := range []struct {
		path []string
		want []string
	}{
		{[]string{"one"}, []string{"a b"}},
		{[]string{"many"}, []string{"a", "b"}},
		{[]string{"none"}, nil},
		{[]string{"mixed"}, nil},
		{[]string{"null"}, nil},
		{[]string{"deep"}, nil},
		{[]string{"deep", "x", "y"}, []string{"z"}},
		{[]string{"deep", "s"}, []string{"t"}},
		{[]string{"deep", "s", "u"}, nil},
		{[]string{"deep", "absent"}, nil},
		{[]string{"many", "0"}, nil},
		{[]string{"Many"}, nil},
		{[]string{"bé"}, []string{"c"}},
		{[]string{""}, nil},
		{[]string{"deep", "*"}, []string{"x", "s"}},
		{[]string{"deep", "x", "*"}, []string{"y"}},
		{[]string{"many", "*"}, nil},
		{[]string{"one", "*"}, nil},
		{[]string{"null", "*"}, nil},
		{[]string{"absent", "*"}, nil},
		{[]string{"*"}, []string{"star"}},
		{[]string{"*", "x"}, nil},
		{[]string{"stars", "*"}, []string{"*"}},
	} {
		t.Run(strings.Join(tc.path, "/"), func(t *testing.T) {
			assert.ElementsMatch(t, tc.want, c.Strings(tc.path...))
			for _, value := range tc.want {
				assert.True(t, c.HasString(value, tc.path...))
			}
			assert.False(t, c.HasString("other", tc.path...))
			assert.False(t, c.HasString("", tc.path...))
		})
	}
}

func TestDecodeIsStrict(t *testing.T) {
	type org struct {
		ID    string `json:"org_id"`
		Count int    `json:"n"`
	}
	got, err := claims.As[org](parse(t, `{"org_id":"o","ORG_ID":"evil","n":3}`))
	require.NoError(t, err)
	assert.Equal(t, org{"o", 3}, got)

	_, err = claims.As[org](parse(t, `{"org_id":1}`))
	require.Error(t, err)

	raw, err := claims.As[map[string]json.RawMessage](parse(t, `{"authorization_details":[{"type":"x"}]}`))
	require.NoError(t, err)
	assert.JSONEq(t, `[{"type":"x"}]`, string(raw["authorization_details"]), "RFC 9396 is readable as JSON")
}

func TestParseUnverifiedRefusesWhatVerifyRefuses(t *testing.T) {
	for _, payload := range []string{"", "null", "[]", `{"a":1,"a":1}`, `{"exp":"1"}`, `{"iss":1}`, "{}{}", `{"cnf":"x"}`, `{"cnf":null}`} {
		_, err := claims.ParseUnverified([]byte(payload))
		requireReason(t, claims.ErrMalformed, err)
	}
}

func TestContext(t *testing.T) {
	c := parse(t, `{"sub":"s"}`)
	_, ok := claims.FromContext(t.Context())
	assert.False(t, ok)

	ctx := claims.NewContext(t.Context(), c)
	got, ok := claims.FromContext(ctx)
	assert.True(t, ok)
	assert.Same(t, c, got)

	got, ok = claims.FromContext(claims.NewContext(ctx, nil))
	assert.False(t, ok, "nil hides the claims")
	assert.Nil(t, got)

	type key struct{}
	_, ok = claims.FromContext(context.WithValue(ctx, key{}, 1))
	assert.True(t, ok)
}

func TestPrintedClaimsAreOneLine(t *testing.T) {
	assert.NotContains(t, fmt.Sprint(parse(t, `{"sub":"a\nlevel=ERROR"}`)), "\n")
}

func TestLogsHoldOnlyIdentifiers(t *testing.T) {
	c := parse(t, `{"iss":"i","sub":"`+strings.Repeat("s", 200)+`","client_id":"c","jti":"j","email":"secret"}`)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "claims", c)
	for _, printed := range []string{
		log.String(), fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%s", c), fmt.Sprintf("%d", c),
	} {
		assert.NotContains(t, printed, "secret")
		assert.Contains(t, printed, strings.Repeat("s", 128))
		assert.NotContains(t, printed, strings.Repeat("s", 129))
	}
}

// customContext returns its own claims for the context key, as the context of package middleware
// does.
type customContext struct {
	context.Context
	c *claims.Claims
}

func (o customContext) Value(key any) any {
	if key == (contextkey.Claims{}) {
		return o.c
	}
	return o.Context.Value(key)
}

func TestCustomContextTypeSuppliesClaims(t *testing.T) {
	parent := claims.NewContext(t.Context(), parse(t, `{"sub":"parent"}`))
	c, ok := claims.FromContext(customContext{parent, parse(t, `{"sub":"own"}`)})
	require.True(t, ok)
	assert.Equal(t, "own", c.Subject())
	_, ok = claims.FromContext(customContext{parent, nil})
	assert.False(t, ok)
}

// The zero value is what a test may put into a context.
func TestZeroClaimsReturnZeroValues(t *testing.T) {
	c := new(claims.Claims)
	assert.Zero(t, c.Issuer()+c.Subject()+c.ID()+c.ClientID()+c.SessionID())
	assert.Empty(t, c.Audience())
	assert.Empty(t, c.Scopes())
	assert.Empty(t, c.Strings("a"))
	assert.False(t, c.HasScope("a"))
	assert.True(t, c.ExpiresAt().IsZero() && c.NotBefore().IsZero() && c.IssuedAt().IsZero())
	_, ok := c.Confirmation("jkt")
	assert.False(t, ok)
	assert.Equal(t, fmt.Sprint(new(claims.Claims)), fmt.Sprint(c))
	require.Error(t, c.Decode(new(struct{})))
}

// fmt and slog do not call the methods of *Claims for a Claims.
func TestC4ClaimsByValueDoNotPrintThePayload(t *testing.T) {
	c := parse(t, `{"sub":"secret","scope":"secret","scp":["secret"],"aud":"secret","client_id":"secret","email":"secret"}`)
	byValue := reflect.ValueOf(c).Elem().Interface() // as *c, which go vet reports
	type holder struct {
		Claims any
		Inner  map[string]any
	}
	held := holder{byValue, map[string]any{"a": byValue}}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "claims", byValue, "held", held, "pointer", &held)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "claims", byValue, "held", held, "pointer", &held)
	printed := []string{log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, byValue), fmt.Sprintf(verb, held), fmt.Sprintf(verb, &held))
	}
	for _, text := range printed {
		assert.NotContains(t, text, "secret")
		assert.NotContains(t, text, "736563726574", "in hexadecimal")
		assert.NotContains(t, text, "115 101 99 114 101 116", "as bytes")
	}
}

// go vet looks for a type that only a pointer to it can lock.
func TestC4VetReportsCopies(t *testing.T) {
	locker := reflect.TypeFor[sync.Locker]()
	noCopy, ok := reflect.TypeFor[claims.Claims]().FieldByName("_")
	require.True(t, ok)
	assert.True(t, reflect.PointerTo(noCopy.Type).Implements(locker))
	assert.False(t, noCopy.Type.Implements(locker))
}
