package introspection_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

var signingKey = jwkstest.NewKey("ES256")

func issuerKeys(t testing.TB) claims.KeySet {
	t.Helper()
	document, err := json.Marshal(map[string]any{"keys": []any{signingKey.JWK()}})
	require.NoError(t, err)
	keys, err := jwks.NewStatic(document)
	require.NoError(t, err)
	return keys
}

func demandSigned(keys claims.KeySet) func(*introspection.Config) {
	return func(c *introspection.Config) { c.ResponseAlgorithms, c.ResponseKeys = []string{"ES256"}, keys }
}

// signed returns an answer of RFC 9701, with changes to its header and payload. nil removes.
func signed(header, payload map[string]any) string {
	h := changed(map[string]any{"alg": "ES256", "kid": signingKey.JWK()["kid"], "typ": "token-introspection+jwt"}, header)
	p := changed(map[string]any{
		"iss": issuerURL, "aud": clientID, "iat": time.Now().Unix(), "token_introspection": json.RawMessage(activeAnswer(nil)),
	}, payload)
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(p)
	return input + "." + base64.RawURLEncoding.EncodeToString(signingKey.Sign([]byte(input)))
}

func changed(members, changes map[string]any) []byte {
	maps.Copy(members, changes)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return text
}

func TestSignedAnswers(t *testing.T) {
	type m = map[string]any
	good := signed(nil, nil)
	cut := strings.LastIndexByte(good, '.')
	for _, tc := range []struct {
		rule, answer, problem string
	}{
		{"good", good, ""},
		{"several audiences", signed(nil, m{"aud": []string{"other", clientID}}), ""},
		{"typ with application/", signed(m{"typ": "application/token-introspection+jwt"}, nil), ""},
		{"a line break at the end", good + "\n", ""},
		{"plain JSON", activeAnswer(nil), "the signed answer"},
		{"plain JSON, inactive", inactive, "not a JWS"},
		{"encrypted", "a.b.c.d.e", "not a JWS"},
		{"another typ", signed(m{"typ": "JWT"}, nil), "a header"},
		{"an access token", signed(m{"typ": "at+jwt"}, nil), "a header"},
		{"no typ", signed(m{"typ": nil}, nil), "a header"},
		{"alg none", signed(m{"alg": "none"}, nil), "a header"},
		{"another alg", signed(m{"alg": "RS256"}, nil), "a header"},
		{"crit", signed(m{"crit": []string{"x"}}, nil), "a header"},
		{"a long kid", signed(m{"kid": strings.Repeat("k", 257)}, nil), "a header"},
		{"an unknown key", signed(m{"kid": "other"}, nil), "an unknown key"},
		{"a bad signature", good[:cut] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), "an invalid signature"},
		{"no signature", good[:cut+1], "an invalid signature"},
		{"another iss", signed(nil, m{"iss": "https://evil.example"}), "lacks the right"},
		{"no iss", signed(nil, m{"iss": nil}), "lacks the right"},
		{"another aud", signed(nil, m{"aud": "another-api"}), "lacks the right"},
		{"no aud", signed(nil, m{"aud": nil}), "lacks the right"},
		{"no iat", signed(nil, m{"iat": nil}), "lacks the right"},
		{"old", signed(nil, m{"iat": time.Now().Add(-62 * time.Second).Unix()}), "lacks the right"},
		{"of the future", signed(nil, m{"iat": time.Now().Add(62 * time.Second).Unix()}), "lacks the right"},
		{"no token_introspection", signed(nil, m{"token_introspection": nil}), "lacks the right"},
		{"claims beside token_introspection", signed(nil, m{"token_introspection": nil, "active": true}), "lacks the right"},
		{"token_introspection of another type", signed(nil, m{"token_introspection": "x"}), "not one strict JSON object"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			e := always(200, tc.answer)
			i := newIntrospector(t, e, demandSigned(issuerKeys(t)))
			c, err := newVerifier(t, i).Verify(t.Context(), goodToken)
			assert.Equal(t, "application/token-introspection+jwt", e.heads[0].Get("Accept"))
			if tc.problem != "" {
				require.ErrorIs(t, err, claims.ErrUnavailable)
				require.ErrorContains(t, err, tc.problem)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "alice", c.Subject())
		})
	}
}

func TestSignedAnswerCanSayInactive(t *testing.T) {
	i := newIntrospector(t, always(200, signed(nil, map[string]any{"token_introspection": map[string]any{"active": false}})), demandSigned(issuerKeys(t)))
	_, err := introspect(t, i, goodToken)
	require.ErrorIs(t, err, claims.ErrRejected)
}

// A signed answer that was not asked for is not read.
func TestSignedAnswersMustBeConfigured(t *testing.T) {
	_, err := introspect(t, newIntrospector(t, always(200, signed(nil, nil))), goodToken)
	requireOutage(t, err)
}

func TestKeysOfSignedAnswersCanBeUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: func(*http.Request, url.Values) (int, string) { return 200, signed(nil, nil) }}
		_, err := introspect(t, newIntrospector(t, e, demandSigned(noKeys{})), goodToken)
		requireOutage(t, err)
	})
}

type noKeys struct{}

func (noKeys) Keys(context.Context, string, string) ([]claims.Key, error) {
	return nil, &claims.UnavailableError{Err: errors.New("down")}
}

// FuzzSignedAnswer accepts only what the issuer has signed.
func FuzzSignedAnswer(f *testing.F) {
	good := signed(nil, nil)
	for _, seed := range []string{good, good + " ", "a.b.c", inactive, strings.Replace(good, ".", "..", 1)} {
		f.Add(seed)
	}
	keys := issuerKeys(f)
	f.Fuzz(func(t *testing.T, answer string) {
		_, err := introspect(t, newIntrospector(t, always(200, answer), demandSigned(keys)), goodToken)
		if err == nil {
			require.Equal(t, good, strings.TrimSpace(answer))
		}
	})
}
