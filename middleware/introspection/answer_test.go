package introspection_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

func TestAnswerBecomesClaims(t *testing.T) {
	i := newIntrospector(t, always(200, activeAnswer(map[string]any{"username": "al", "ext": map[string]any{"org": "o1"}})))
	c, err := newVerifier(t, i).Verify(t.Context(), goodToken)
	require.NoError(t, err)
	assert.Equal(t, "alice", c.Subject())
	assert.Equal(t, "app", c.ClientID())
	assert.Equal(t, []string{"read", "write"}, c.Scopes())
	assert.Equal(t, []string{audience}, c.Audience())
	assert.Equal(t, []string{"o1"}, c.Strings("ext", "org"))
}

// An answer may lack iss and exp (RFC 7662 section 2.2). What is there is never replaced.
func TestClaimsThatAnswersLack(t *testing.T) {
	implied := func(c *introspection.Config) { c.ImpliedAudience = audience }
	for _, tc := range []struct {
		rule, body string
		edit       func(*introspection.Config)
		reason     claims.Reason
		expires    time.Duration
	}{
		{"no iss, no exp", `{"active":true,"aud":"` + audience + `"}`, nil, "", 30 * time.Second},
		{"iss and exp null", ` {"iss":null, "active":true,"exp" : null,"aud":["` + audience + `"]} `, nil, "", 30 * time.Second},
		{"no exp, and no memory", `{"active":true,"aud":"` + audience + `"}`, func(c *introspection.Config) { c.TTL = -1 }, "", 30 * time.Second},
		{"no exp, and stale answers", `{"active":true,"aud":"` + audience + `"}`, func(c *introspection.Config) { c.StaleIfError = time.Minute }, "", 90 * time.Second},
		{"another iss", `{"active":true,"iss":"https://evil.example","aud":"` + audience + `"}`, nil, claims.ErrIssuer, 0},
		{"iss empty", `{"active":true,"iss":"","aud":"` + audience + `"}`, nil, claims.ErrIssuer, 0},
		{"no aud", `{"active":true}`, nil, claims.ErrMissingClaim, 0},
		{"no aud, which is implied", `{"active":true}`, implied, "", 30 * time.Second},
		{"aud null, which is implied", `{"active":true,"aud":null}`, implied, "", 30 * time.Second},
		{"aud empty, which is implied", `{"active":true,"aud":[ ]}`, implied, "", 30 * time.Second},
		{"another aud, although it is implied", `{"active":true,"aud":"https://other.example"}`, implied, claims.ErrAudience, 0},
		{"an empty text as aud, although it is implied", `{"active":true,"aud":""}`, implied, claims.ErrAudience, 0},
		{"aud hidden by an escape", `{"active":true,"\u0061ud":"https://other.example"}`, implied, claims.ErrAudience, 0},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				edit := tc.edit
				if edit == nil {
					edit = func(*introspection.Config) {}
				}
				c, err := newVerifier(t, newIntrospector(t, always(200, tc.body), edit)).Verify(t.Context(), goodToken)
				if tc.reason != "" {
					require.ErrorIs(t, err, tc.reason)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, issuerURL, c.Issuer())
				assert.Equal(t, []string{audience}, c.Audience())
				assert.Equal(t, time.Now().Add(tc.expires).UTC(), c.ExpiresAt())
				decoded, err := claims.As[struct {
					Issuer string `json:"iss"`
					Active bool   `json:"active"`
				}](c)
				require.NoError(t, err)
				assert.Equal(t, issuerURL, decoded.Issuer)
				assert.True(t, decoded.Active)
			})
		})
	}
}

func TestMaxLifetimeNeedsIatInAnswers(t *testing.T) {
	limit := func(i *claims.Issuer) { i.MaxLifetime = time.Hour }
	iat := time.Now().Add(-2 * time.Hour).Unix()
	for body, want := range map[string]claims.Reason{
		activeAnswer(nil):                                                  claims.ErrMissingClaim,
		activeAnswer(map[string]any{"iat": iat}):                           claims.ErrMissingClaim,
		activeAnswer(map[string]any{"iat": iat, "exp": nil}):               claims.ErrMissingClaim,
		activeAnswer(map[string]any{"iat": time.Now().Unix()}):             "",
		activeAnswer(map[string]any{"iat": time.Now().Unix(), "exp": nil}): "",
	} {
		_, err := newVerifier(t, newIntrospector(t, always(200, body)), limit).Verify(t.Context(), goodToken)
		if want == "" {
			assert.NoError(t, err, body)
			continue
		}
		assert.ErrorIs(t, err, want, body)
	}
}

// FuzzAnswer reads any answer. Only one with the member active that is true can be accepted, and
// what it says is not changed.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		activeAnswer(nil), inactive, `{"active":true}`, `{"active":true,"iss":null,"exp":null,"aud":[]}`, `{"active":true,"exp":1e3}`,
		`{"\u0061ctive":true,"aud":"x"}`, `{"active":true,"iss":"\ud800"}`, `[]`, `{"active":true,"x":{"active":false}}`, "{\"active\":true,\"\\\"\":1}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		i := newIntrospector(t, always(200, answer), func(c *introspection.Config) { c.ImpliedAudience = audience })
		payload, _, err := i.Introspect(t.Context(), issuerURL, goodToken)
		var got map[string]json.RawMessage
		readable := json.Unmarshal([]byte(answer), &got) == nil
		if err != nil {
			return
		}
		require.True(t, readable && string(got["active"]) == "true", "accepted %q", answer)
		var kept map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(payload), &kept))
		for name, value := range got {
			switch name {
			case "iss", "exp", "aud":
				if string(value) != "null" && string(kept[name]) != `"`+audience+`"` {
					require.JSONEq(t, string(value), string(kept[name]), "%q changed %s", answer, name)
				}
			default:
				require.Equal(t, string(value), string(kept[name]), "%q changed %s", answer, name)
			}
		}
		c, err := claims.ParseUnverified([]byte(payload))
		require.NoError(t, err)
		require.False(t, c.ExpiresAt().IsZero())
	})
}
