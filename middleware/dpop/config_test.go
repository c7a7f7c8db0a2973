package dpop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

func TestMistakesOfTheConfig(t *testing.T) {
	origins := []string{apiOrigin}
	one := []byte("0123456789abcdefghijklmnopqrstuv")
	for _, tt := range []struct {
		problem string
		config  dpop.Config
	}{
		{`Origins: at least one is required, such as "https://api.example.com"`, dpop.Config{}},
		{`Origins: "": the scheme is not https, or http`, dpop.Config{Origins: []string{""}}},
		{`Origins: "api.example.com": the scheme is not https, or http`, dpop.Config{Origins: []string{"api.example.com"}}},
		{`Origins: "http://api.example.com": http is for loopback only: write the https URL that clients use`, dpop.Config{Origins: []string{"http://api.example.com"}}},
		{`Origins: "http://10.0.0.1": http is for loopback only: write the https URL that clients use`, dpop.Config{Origins: []string{"http://10.0.0.1"}}},
		{`Origins: "http://localhost.example.com": http is for loopback only: write the https URL that clients use`, dpop.Config{Origins: []string{"http://localhost.example.com"}}},
		{`Origins: "https://a.example/?q": an origin has no query and no fragment`, dpop.Config{Origins: []string{"https://a.example/?q"}}},
		{`Origins: "https://a.example/#f": an origin has no query and no fragment`, dpop.Config{Origins: []string{"https://a.example/#f"}}},
		{`Origins: "https://u:p@a.example": it has userinfo`, dpop.Config{Origins: []string{"https://u:p@a.example"}}},
		{`Origins: "https://*.example.com": write one URL, without commas, white space and placeholders`, dpop.Config{Origins: []string{"https://*.example.com"}}},
		{`Origins: "https://a.example,https://b.example": write one URL, without commas, white space and placeholders`, dpop.Config{Origins: []string{"https://a.example,https://b.example"}}},
		{`Origins: "https://a.example ": write one URL, without commas, white space and placeholders`, dpop.Config{Origins: []string{"https://a.example "}}},
		{`Origins: "https://{host}": write one URL, without commas, white space and placeholders`, dpop.Config{Origins: []string{"https://{host}"}}},
		{`Origins: "https://ä.example": the host is neither a name in ASCII nor an address`, dpop.Config{Origins: []string{"https://ä.example"}}},
		{`Origins: "https://a.example/%": the path is not that of a URI`, dpop.Config{Origins: []string{"https://a.example/%"}}},
		{`Origins: "HTTPS://API.example.com:443/" is a duplicate`, dpop.Config{Origins: []string{apiOrigin, "HTTPS://API.example.com:443/"}}},
		{`Algorithms: "HS256" is not supported for proofs: write one of ["ES256" "ES384" "ES512" "EdDSA" "Ed25519" "PS256" "PS384" "PS512" "RS256"]`, dpop.Config{Origins: origins, Algorithms: []string{"HS256"}}},
		{`Algorithms: "none" is not supported for proofs: write one of ["ES256" "ES384" "ES512" "EdDSA" "Ed25519" "PS256" "PS384" "PS512" "RS256"]`, dpop.Config{Origins: origins, Algorithms: []string{"none"}}},
		{`Algorithms: "ES256" is a duplicate`, dpop.Config{Origins: origins, Algorithms: []string{"ES256", "ES256"}}},
		{`MaxAge -1s: it is not between 0 and 10m0s`, dpop.Config{Origins: origins, MaxAge: -time.Second}},
		{`MaxAge 10m1s: it is not between 0 and 10m0s`, dpop.Config{Origins: origins, MaxAge: 601 * time.Second}},
		{`MaxAhead -1ns: it is not between 0 and 10m0s`, dpop.Config{Origins: origins, MaxAhead: -1}},
		{`MaxAhead 1h0m0s: it is not between 0 and 10m0s`, dpop.Config{Origins: origins, MaxAhead: time.Hour}},
		{`Nonces.Secrets: at least one is required. A random one of each process would be refused by the others`, dpop.Config{Origins: origins, Nonces: &dpop.Nonces{Always: true}}},
		{`Nonces.Secrets: secret 0 is shorter than 32 bytes`, dpop.Config{Origins: origins, Nonces: &dpop.Nonces{Secrets: [][]byte{one[1:]}}}},
		{`Nonces.Secrets: secret 1 is shorter than 32 bytes`, dpop.Config{Origins: origins, Nonces: &dpop.Nonces{Secrets: [][]byte{one, nil}}}},
		{`Nonces.Secrets: secret 1 is a duplicate`, dpop.Config{Origins: origins, Nonces: &dpop.Nonces{Secrets: [][]byte{one, one}}}},
		{`Nonces.Secrets: secret 0: secret has fewer than 8 different bytes: is a variable unset, or is it a placeholder?`, dpop.Config{Origins: origins, Nonces: &dpop.Nonces{Secrets: [][]byte{make([]byte, 32)}}}},
	} {
		c, err := dpop.New(tt.config)
		assert.EqualError(t, err, "dpop: invalid Config."+tt.problem)
		assert.Nil(t, c)
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	_, err := dpop.New(dpop.Config{
		Origins: []string{"a", "b"}, Algorithms: []string{"HS256"}, MaxAge: -1, MaxAhead: -1, Nonces: &dpop.Nonces{},
	})
	assert.Equal(t, 6, strings.Count(fmt.Sprint(err), "dpop: invalid Config."), err)
}

func TestConfigIsCopied(t *testing.T) {
	at := &clock{startOfAMinute}
	secret := randomSecret()
	same := newNonces(t, at, dpop.Nonces{Secrets: [][]byte{bytes.Clone(secret)}})
	config := dpop.Config{Origins: []string{apiOrigin}, Algorithms: []string{"ES256"}, Nonces: &dpop.Nonces{Secrets: [][]byte{secret}}, Now: at.Now}
	c := newChecker(t, config)
	config.Origins[0], config.Algorithms[0] = "https://evil.example", "RS256"
	clear(secret)
	config.Nonces.Always = true
	assert.NoError(t, confirm(c, request(proof(members{"iat": at.now.Unix()}))))
	assert.Equal(t, nonceOf(t, same), nonceOf(t, c))
	assert.Equal(t, []string{"ES256"}, c.Algorithms())
}

func TestAlgorithmsAreLimited(t *testing.T) {
	c := newChecker(t, dpop.Config{Algorithms: []string{"Ed25519"}})
	key := jwkstest.NewKey("EdDSA")
	for alg, want := range map[string]bool{"EdDSA": false, "Ed25519": true} {
		key.Algorithm = alg
		err := c.Proof(request(jwkstest.Proof(key, http.MethodGet, apiURL, token, nil))).Confirm(t.Context(), token, jktOf(key))
		assert.Equal(t, want, err == nil, "%s: %v", alg, err)
	}
	assert.Error(t, confirm(c, request(proof(nil))))
}

func TestRequired(t *testing.T) {
	assert.False(t, newChecker(t, dpop.Config{}).Required())
	assert.True(t, newChecker(t, dpop.Config{Required: true}).Required())
}

// Rule 7.8, to the second.
func TestWindowOfTheTime(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	clock := &clock{now}
	for _, tt := range []struct {
		config        dpop.Config
		oldest, ahead int64
	}{
		{dpop.Config{}, 60, 30},
		{dpop.Config{MaxAge: 10 * time.Minute, MaxAhead: 2 * time.Second}, 600, 2},
		{dpop.Config{MaxAge: time.Second, MaxAhead: 10 * time.Minute}, 1, 600},
	} {
		tt.config.Now = clock.Now
		c := newChecker(t, tt.config)
		at := func(seconds int64) error { return confirm(c, request(proof(members{"iat": now.Unix() + seconds}))) }
		assert.NoError(t, at(-tt.oldest))
		assert.NoError(t, at(tt.ahead))
		assert.EqualError(t, at(-tt.oldest-1), "dpop: iat is too long ago")
		assert.EqualError(t, at(tt.ahead+1), "dpop: iat is in the future")
	}
}

// A stubStore answers as a test says, and keeps what it was asked.
type stubStore struct {
	fresh bool
	err   error
	asked []use
}

type use struct {
	key, id [32]byte
	until   time.Time
}

func (s *stubStore) Use(_ context.Context, key, id [32]byte, until time.Time) (bool, error) {
	s.asked = append(s.asked, use{key, id, until})
	return s.fresh, s.err
}

// A proof that is refused for any other reason leaves no trace, so strangers neither use up a
// jti nor fill the memory.
func TestStoreIsAskedLast(t *testing.T) {
	store := &stubStore{fresh: true}
	c := newChecker(t, dpop.Config{Replays: store})
	for _, p := range []string{
		jwkstest.TamperSignature(proof(nil)), proof(members{"htm": "POST"}), proof(members{"iat": 1}), proof(nil, jwkstest.SignedBy(jwkstest.NewKey("ES256"))),
		proof(members{"ath": "x"}), proof(members{"htu": "https://evil.example"}), "",
	} {
		require.Error(t, confirm(c, request(p)))
	}
	require.Error(t, c.Proof(request(proof(nil))).Confirm(t.Context(), token, []byte(`"other"`)))
	assert.Empty(t, store.asked)

	now := time.Now().Truncate(time.Second)
	require.NoError(t, confirm(c, request(proof(members{"jti": "a", "iat": now.Unix()}))))
	require.NoError(t, confirm(c, request(proof(members{"jti": "b", "iat": now.Unix()}))))
	require.Len(t, store.asked, 2)
	assert.True(t, now.Add(90*time.Second).Equal(store.asked[0].until), "MaxAge and MaxAhead after iat")
	assert.Equal(t, store.asked[0].key, store.asked[1].key)
	assert.Equal(t, clientKey.Thumbprint(), base64url(store.asked[0].key))
	assert.NotEqual(t, store.asked[0].id, store.asked[1].id)

	other := jwkstest.NewKey("ES256")
	p := jwkstest.Proof(other, http.MethodGet, apiURL, token, members{"jti": "a"})
	require.NoError(t, c.Proof(request(p)).Confirm(t.Context(), token, jktOf(other)))
	assert.NotEqual(t, store.asked[0].id, store.asked[2].id, "the ids of a key are its own")
}

func TestStoreThatCannotAnswer(t *testing.T) {
	down := errors.New("connection refused")
	for _, tt := range []struct {
		err        error
		retryAfter time.Duration
	}{
		{down, 0},
		{context.DeadlineExceeded, 0},
		{claims.ErrForbidden, 0},
		{fmt.Errorf("full: %w", &claims.UnavailableError{RetryAfter: 7 * time.Second, Err: down}), 7 * time.Second},
	} {
		for _, fresh := range []bool{false, true} {
			c := newChecker(t, dpop.Config{Replays: &stubStore{fresh: fresh, err: tt.err}})
			e := refusalOf(t, confirm(c, request(proof(nil))))
			assert.Empty(t, e.Code)
			assert.ErrorIs(t, e, claims.ErrUnavailable)
			assert.ErrorIs(t, e, tt.err)
			assert.Equal(t, tt.retryAfter, e.RetryAfter)
			assert.Equal(t, "the proof could not be checked for a replay", e.Detail())
			var reason claims.Reason
			require.ErrorAs(t, e, &reason)
			assert.Equal(t, claims.ErrUnavailable, reason)
		}
	}
}
