package claims_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/fixed"
)

func (m members) token() string { return sign(goodHeader, payload(m)) }

// The claims of a token that is seen again are the same but for Remembered. Those that the
// first request holds do not change.
func TestRemembered(t *testing.T) {
	v := verifierWith(t, 0, goodIssuer())
	first, err := v.Verify(t.Context(), members{}.token())
	require.NoError(t, err)
	second, err := v.Verify(t.Context(), members{}.token())
	require.NoError(t, err)

	assert.False(t, first.Remembered(), "first sight")
	assert.True(t, second.Remembered(), "seen before")
	assert.Equal(t, fmt.Sprint(first), fmt.Sprint(second))
	assert.Equal(t, first.Scopes(), second.Scopes())
	assert.False(t, (*claims.Claims)(nil).Remembered())

	v = verifierWith(t, -1, goodIssuer())
	for range 2 {
		c, err := v.Verify(t.Context(), members{}.token())
		require.NoError(t, err)
		assert.False(t, c.Remembered(), "without a cache")
	}
}

func TestCacheStatus(t *testing.T) {
	keys := oneKey()
	issuer := goodIssuer()
	issuer.Keys = keys
	v := verifierWith(t, 1, issuer)
	status := func() string {
		entries, evictions, keysGone := v.CacheStatus()
		return fmt.Sprintf("%d entries, %d evictions, %d keys gone", entries, evictions, keysGone)
	}
	assert.Equal(t, "0 entries, 0 evictions, 0 keys gone", status())
	for _, subject := range []string{`"a"`, `"b"`, `"c"`} {
		_, err := v.Verify(t.Context(), members{"sub": subject}.token())
		require.NoError(t, err)
	}
	assert.Equal(t, "1 entries, 2 evictions, 0 keys gone", status())

	keys.keys = func(context.Context, string, string) ([]claims.Key, error) {
		return []claims.Key{stubbornKey{}}, nil
	}
	_, err := v.Verify(t.Context(), members{"sub": `"c"`}.token())
	require.ErrorIs(t, err, claims.ErrSignature)
	assert.Equal(t, "0 entries, 2 evictions, 1 keys gone", status())

	entries, evictions, keysGone := verifierWith(t, -1, goodIssuer()).CacheStatus()
	assert.Zero(t, entries+int(evictions)+int(keysGone), "without a cache")
}

// A stubbornKey accepts no signature.
type stubbornKey struct{}

func (stubbornKey) Verify(_, _ []byte) error { return errors.New("no") }

func TestIssuersOfAVerifier(t *testing.T) {
	a, b := goodIssuer(), goodIssuer()
	a.URL, b.URL = "https://z.example/", "https://a.example/"
	var urls []string
	for url, keys := range newVerifier(t, a, b).Issuers() {
		urls = append(urls, url)
		assert.Contains(t, []claims.KeySet{a.Keys, b.Keys}, keys)
	}
	assert.Equal(t, []string{a.URL, b.URL}, urls, "in the order of the Config")
	for range newVerifier(t, a, b).Issuers() {
		break
	}
}

// Package middleware reads the configured issuer and the fixed detail of a refusal.
func TestRefusalsNameTheConfiguredIssuer(t *testing.T) {
	hooked := goodIssuer()
	hooked.Validate = func(context.Context, *claims.Claims) error { return errors.New("hook text") }
	outage := goodIssuer()
	outage.Keys = &keySet{keys: func(context.Context, string, string) ([]claims.Key, error) {
		return nil, &claims.UnavailableError{Err: errors.New("key set text")}
	}}
	for _, c := range []struct {
		rule           string
		issuer         claims.Issuer
		token          string
		wanted, detail string // the issuer
	}{
		{"iss is unknown", goodIssuer(), members{"iss": `"https://evil.example/"`}.token(), "", ""},
		{
			"iss lacks the slash", goodIssuer(), members{"iss": `"https://issuer.example"`}.token(), "",
			"iss differs from a configured issuer in the slash at its end",
		},
		{"grammar", goodIssuer(), "a.b.c.d.e", "", "encrypted tokens (JWE) are not accepted"},
		{"another audience", goodIssuer(), members{"aud": `"x"`}.token(), issuerURL, ""},
		{"no exp", goodIssuer(), members{"exp": ""}.token(), issuerURL, "exp"},
		{"bound", goodIssuer(), members{"cnf": `{"jkt":"x"}`}.token(), issuerURL, "no proof of jkt"},
		{"hook", hooked, members{}.token(), issuerURL, ""},
		{"outage", outage, members{}.token(), issuerURL, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := newVerifier(t, c.issuer).Verify(t.Context(), c.token)
			var reason claims.Reason
			require.ErrorAs(t, err, &reason)
			var named interface{ Issuer() string }
			if errors.As(err, &named) {
				assert.Equal(t, c.wanted, named.Issuer())
			} else {
				assert.Empty(t, c.wanted)
			}
			var detailed interface{ Detail() fixed.Text }
			if errors.As(err, &detailed) {
				assert.EqualValues(t, c.detail, detailed.Detail())
			} else {
				assert.Empty(t, c.detail)
			}
		})
	}
}

// A remembered token that is refused names its issuer as well.
func TestRefusalsOfRememberedTokensNameTheConfiguredIssuer(t *testing.T) {
	keys := oneKey()
	issuer := goodIssuer()
	issuer.Keys = keys
	v := verifierWith(t, 0, issuer)
	_, err := v.Verify(t.Context(), members{}.token())
	require.NoError(t, err)
	keys.keys = func(context.Context, string, string) ([]claims.Key, error) { return nil, claims.ErrUnknownKey }
	_, err = v.Verify(t.Context(), members{}.token())
	var named interface{ Issuer() string }
	require.ErrorAs(t, err, &named)
	assert.Equal(t, issuerURL, named.Issuer())
}
