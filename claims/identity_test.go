package claims_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

func TestPrincipal(t *testing.T) {
	for payload, want := range map[string]string{
		`{"iss":"https://a/","sub":"alice"}`:                   "https://a/ sub:alice",
		`{"iss":"https://a/","sub":"alice","client_id":"app"}`: "https://a/ sub:alice",
		`{"iss":"https://a/","client_id":"app"}`:               "https://a/ client:app",
		`{"iss":"https://a/","sub":"","azp":"app"}`:            "https://a/ client:app",
		`{"iss":"https://b/","sub":"alice"}`:                   "https://b/ sub:alice",
		`{"iss":"a sub:x","sub":"y"}`:                          "a%20sub:x sub:y",
		`{"iss":"a%20sub:x","sub":"y"}`:                        "a%2520sub:x sub:y",
		`{"iss":"a","sub":"x sub:y"}`:                          "a sub:x sub:y",
		`{"iss":"a","sub":"client:app"}`:                       "a sub:client:app",
		`{"iss":"a","client_id":"alice"}`:                      "a client:alice",
	} {
		got, err := parse(t, payload).Principal()
		require.NoError(t, err, payload)
		assert.Equal(t, want, got)
	}
}

// An empty principal would be that of everyone without one.
func TestPrincipalIsNeverEmpty(t *testing.T) {
	for _, c := range []*claims.Claims{
		nil, new(claims.Claims), parse(t, `{}`), parse(t, `{"iss":"a"}`), parse(t, `{"sub":"alice"}`),
		parse(t, `{"iss":"","sub":"alice"}`), parse(t, `{"iss":"a","sub":"","client_id":""}`), parse(t, `{"iss":"a","sub":null}`),
	} {
		got, err := c.Principal()
		requireReason(t, claims.ErrMissingClaim, err)
		assert.Empty(t, got)
	}
}

func TestActorIsTheOutermost(t *testing.T) {
	c := parse(t, `{"sub":"alice","act":{"sub":"api-b","iss":"https://b/","act":{"sub":"api-a","act":{"sub":"app"}}}}`)
	actor := c.Actor()
	require.NotNil(t, actor)
	assert.Equal(t, "api-b", actor.Subject())
	assert.Equal(t, "https://b/", actor.Issuer())
	assert.Equal(t, "api-a", actor.Actor().Subject())
	assert.Equal(t, "app", actor.Actor().Actor().Subject())
	assert.Nil(t, actor.Actor().Actor().Actor())
	assert.Empty(t, actor.Scopes())
}

func TestATokenWithoutActHasNoActor(t *testing.T) {
	for _, c := range []*claims.Claims{nil, new(claims.Claims), parse(t, `{"sub":"alice"}`), parse(t, `{"act":null}`)} {
		assert.Nil(t, c.Actor())
	}
}

// Who ignores such an act takes a token that somebody else uses for one of the subject.
func TestAnActThatCannotBeReadIsAnUnknownActor(t *testing.T) {
	for _, act := range []string{`"api"`, `[]`, `1`, `false`, `[{"sub":"api"}]`, `{"sub":1}`, `{"sub":["api"]}`, `{"iss":{}}`, `{}`} {
		actor := parse(t, `{"sub":"alice","act":`+act+`}`).Actor()
		if assert.NotNil(t, actor, act) {
			assert.Empty(t, actor.Subject(), act)
		}
	}
}
