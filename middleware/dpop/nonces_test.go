package dpop_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

func randomSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	return secret
}

// nonceOf returns the newest nonce, as a client gets it.
func nonceOf(t testing.TB, c *dpop.Checker) string {
	t.Helper()
	e := refusalOf(t, confirm(c, request(proof(members{"iat": 1}))))
	require.Equal(t, useNonce, e.Code)
	require.Equal(t, dpop.ErrNonce, e.Reason)
	require.NotEmpty(t, e.Nonce)
	return e.Nonce
}

func base64url[T ~[32]byte](b T) string { return base64.RawURLEncoding.EncodeToString(b[:]) }

// startOfAMinute is 0 seconds after a full minute.
var startOfAMinute = time.Unix(1_800_000_000, 0)

func newNonces(t testing.TB, at *clock, nonces dpop.Nonces) *dpop.Checker {
	t.Helper()
	return newChecker(t, dpop.Config{Nonces: &nonces, Now: at.Now})
}

// Rule 7.16.
func TestNonceOnSkew(t *testing.T) {
	at := &clock{startOfAMinute}
	c := newNonces(t, at, dpop.Nonces{Secrets: [][]byte{randomSecret()}})
	now := at.now.Unix()
	assert.NoError(t, confirm(c, request(proof(members{"iat": now}))), "a good clock needs no nonce")
	for _, iat := range []int64{now - 61, now + 31, now - 600, now + 600, 0} {
		e := refusalOf(t, confirm(c, request(proof(members{"iat": iat}))))
		assert.Equal(t, useNonce, e.Code)
		assert.Equal(t, "iat is too far from the time, and there is no nonce", e.Detail())
		p := c.Proof(request(proof(members{"iat": iat, "nonce": e.Nonce})))
		assert.NoError(t, p.Confirm(t.Context(), token, jktOf(clientKey)), "the clock is not looked at")
		assert.Empty(t, p.Nonce(), "it is the newest one")
	}
}

func TestNonceAlways(t *testing.T) {
	at := &clock{startOfAMinute}
	c := newNonces(t, at, dpop.Nonces{Secrets: [][]byte{randomSecret()}, Always: true})
	e := refusalOf(t, confirm(c, request(proof(members{"iat": at.now.Unix()}))))
	assert.Equal(t, useNonce, e.Code)
	assert.Equal(t, "the proof has no nonce", e.Detail())
	assert.NoError(t, confirm(c, request(proof(members{"nonce": e.Nonce}))))
}

// A nonce that is not live is never rescued by iat.
func TestNonceThatIsNotLiveIsRefused(t *testing.T) {
	at := &clock{startOfAMinute}
	secret := randomSecret()
	c := newNonces(t, at, dpop.Nonces{Secrets: [][]byte{secret}})
	other := newNonces(t, at, dpop.Nonces{Secrets: [][]byte{randomSecret()}})
	elsewhere := newChecker(t, dpop.Config{Origins: []string{"https://other.example.com", apiOrigin}, Nonces: &dpop.Nonces{Secrets: [][]byte{secret}}, Now: at.Now})
	good := nonceOf(t, c)
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(t, err)
	require.Len(t, raw, 20)
	assert.Equal(t, uint32(30_000_000), binary.BigEndian.Uint32(raw), "minutes since 1970")
	next := append(binary.BigEndian.AppendUint32(nil, 30_000_001), raw[4:]...)
	for rule, nonce := range map[string]string{
		"empty":             "",
		"made up":           "nonce",
		"longer":            good + "A",
		"shorter":           good[:26],
		"of another secret": nonceOf(t, other),
		"of another API":    nonceOf(t, elsewhere),
		"of another time":   base64.RawURLEncoding.EncodeToString(next),
		"padded":            good + "=",
		"two of them":       good + " " + good,
	} {
		e := refusalOf(t, confirm(c, request(proof(members{"nonce": nonce, "iat": at.now.Unix()}))))
		assert.Equal(t, useNonce, e.Code, rule)
		assert.ErrorIs(t, e, dpop.ErrNonce, rule)
		assert.Equal(t, "the nonce is not a live one", e.Detail(), rule)
		assert.Equal(t, good, e.Nonce, rule)
	}
}

func TestLifeOfANonce(t *testing.T) {
	at := &clock{startOfAMinute}
	store := &stubStore{fresh: true}
	c := newChecker(t, dpop.Config{Nonces: &dpop.Nonces{Secrets: [][]byte{randomSecret()}}, Now: at.Now, Replays: store})
	nonce := nonceOf(t, c)
	for _, tt := range []struct {
		second   int64
		accepted bool
		newer    bool
	}{{0, true, false}, {59, true, false}, {60, true, true}, {119, true, true}, {120, false, false}, {-1, false, false}, {3600, false, false}} {
		at.now = startOfAMinute.Add(time.Duration(tt.second) * time.Second)
		p := c.Proof(request(proof(members{"nonce": nonce, "iat": 1})))
		assert.Empty(t, p.Nonce())
		err := p.Confirm(t.Context(), token, jktOf(clientKey))
		if !tt.accepted {
			assert.NotEqual(t, nonce, refusalOf(t, err).Nonce, "%d s", tt.second)
			assert.Empty(t, p.Nonce())
			continue
		}
		assert.NoError(t, err, "%d s", tt.second)
		// Past the moment at which the last server refuses the nonce, with clocks up to MaxAhead apart.
		assert.True(t, startOfAMinute.Add(150*time.Second).Equal(store.asked[len(store.asked)-1].until))
		if !tt.newer {
			assert.Empty(t, p.Nonce(), "%d s", tt.second)
			continue
		}
		assert.Equal(t, nonceOf(t, c), p.Nonce())
		assert.NotEqual(t, nonce, p.Nonce())
	}
}

// A client that was told a newer nonce only learns it from a proof that was accepted.
func TestRefusedProofTellsNoNonce(t *testing.T) {
	at := &clock{startOfAMinute}
	c := newNonces(t, at, dpop.Nonces{Secrets: [][]byte{randomSecret()}})
	nonce := nonceOf(t, c)
	at.now = at.now.Add(time.Minute)
	p := c.Proof(request(jwkstest.TamperSignature(proof(members{"nonce": nonce}))))
	assert.Error(t, p.Confirm(t.Context(), token, jktOf(clientKey)))
	assert.Empty(t, p.Nonce())
}

// Every server of a fleet that changes its secret accepts the nonces of every other.
func TestRotationOfSecrets(t *testing.T) {
	at := &clock{startOfAMinute}
	former, latter := randomSecret(), randomSecret()
	phases := [][][]byte{{former}, {former, latter}, {latter, former}, {latter}}
	for n := range phases[:3] {
		before, after := newNonces(t, at, dpop.Nonces{Secrets: phases[n]}), newNonces(t, at, dpop.Nonces{Secrets: phases[n+1]})
		assert.NoError(t, confirm(after, request(proof(members{"nonce": nonceOf(t, before)}))), "phase %d", n)
		assert.NoError(t, confirm(before, request(proof(members{"nonce": nonceOf(t, after)}))), "phase %d", n)
	}
	gone := newNonces(t, at, dpop.Nonces{Secrets: phases[3]})
	assert.Error(t, confirm(gone, request(proof(members{"nonce": nonceOf(t, newNonces(t, at, dpop.Nonces{Secrets: phases[0]}))}))))

	// A nonce of the second secret, from the minute before, is an older one as well.
	c := newNonces(t, at, dpop.Nonces{Secrets: phases[1]})
	p := func(nonce string) *dpop.Proof {
		p := c.Proof(request(proof(members{"nonce": nonce})))
		require.NoError(t, p.Confirm(t.Context(), token, jktOf(clientKey)))
		return p
	}
	nonce := nonceOf(t, newNonces(t, at, dpop.Nonces{Secrets: phases[2]}))
	assert.Empty(t, p(nonce).Nonce())
	at.now = at.now.Add(time.Minute)
	assert.Equal(t, nonceOf(t, c), p(nonce).Nonce())
}

// Servers need no common memory for nonces, and a restart forgets none.
func TestNoncesAreStateless(t *testing.T) {
	at := &clock{startOfAMinute}
	secret := randomSecret()
	first, second := newNonces(t, at, dpop.Nonces{Secrets: [][]byte{secret}}), newNonces(t, at, dpop.Nonces{Secrets: [][]byte{secret}})
	assert.Equal(t, nonceOf(t, first), nonceOf(t, second))
	assert.NoError(t, confirm(second, request(proof(members{"nonce": nonceOf(t, first)}))))
}

// A nonce does not take the place of the jti: all clients of a minute share it.
func TestProofWithANonceIsUsedOnce(t *testing.T) {
	at := &clock{startOfAMinute}
	c := newNonces(t, at, dpop.Nonces{Secrets: [][]byte{randomSecret()}, Always: true})
	p := proof(members{"nonce": nonceOf(t, c), "iat": at.now.Add(time.Hour).Unix()})
	assert.NoError(t, confirm(c, request(p)))
	assert.ErrorIs(t, confirm(c, request(p)), dpop.ErrReplay)
	// Nor does it come to life when its iat comes.
	at.now = at.now.Add(time.Hour)
	assert.ErrorIs(t, confirm(c, request(p)), dpop.ErrNonce)
}

func TestSecretsAndProofsAreNotPrinted(t *testing.T) {
	secret := []byte("printable secret of 32 bytes ...")
	config := dpop.Config{Origins: []string{apiOrigin}, Nonces: &dpop.Nonces{Secrets: [][]byte{secret}}}
	c := newChecker(t, config)
	p := c.Proof(request(proof(nil)))
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "nonces", config.Nonces, "value", *config.Nonces)
	texts := []string{log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		for _, value := range []any{config, &config, config.Nonces, *config.Nonces, c, *config.Nonces, p} {
			texts = append(texts, fmt.Sprintf(verb, value))
		}
	}
	encoded, err := json.Marshal(config.Nonces)
	require.NoError(t, err)
	texts = append(texts, string(encoded))
	for _, text := range texts {
		for _, hidden := range []string{"printable secret", fmt.Sprintf("%x", secret), fmt.Sprint(secret)[1:40], base64.StdEncoding.EncodeToString(secret), "eyJ"} {
			assert.NotContains(t, text, hidden)
		}
	}
	assert.Equal(t, "dpop.Proof", fmt.Sprint(p))
	assert.Equal(t, "dpop.Nonces(redacted)", fmt.Sprint(config.Nonces))
	assert.Contains(t, log.String(), `nonces=dpop.Nonces(redacted) value=dpop.Nonces(redacted)`)
}
