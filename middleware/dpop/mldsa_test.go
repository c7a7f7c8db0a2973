package dpop_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/mldsa"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

func needMLDSA(t testing.TB) {
	t.Helper()
	if missing := mldsa.Missing(); missing != nil {
		t.Skip(missing)
	}
}

func confirmBy(c *dpop.Checker, key jwkstest.Key, proof string) error {
	return c.Proof(request(proof)).Confirm(context.Background(), token, jktOf(key))
}

func proofBy(key jwkstest.Key, claims members, options ...jwkstest.Option) string {
	return jwkstest.Proof(key, http.MethodGet, apiURL, token, claims, options...)
}

func TestMLDSAProofs(t *testing.T) {
	needMLDSA(t)
	for _, alg := range mldsa.Algorithms() {
		c := newChecker(t, dpop.Config{Algorithms: []string{"ES256", alg}})
		key, other := jwkstest.NewKey(alg), jwkstest.NewKey(alg)
		good := proofBy(key, nil)
		require.NoError(t, confirmBy(c, key, good), alg)
		require.ErrorIs(t, confirmBy(c, key, good), dpop.ErrReplay, alg)
		require.NoError(t, confirmBy(c, key, proofBy(key, nil)), "%s: another proof of the client", alg)
		require.NoError(t, confirmBy(c, clientKey, proof(nil)), "%s: a key of today", alg)

		withoutAlg, private := key.JWK(), key.JWK()
		delete(withoutAlg, "alg")
		private["priv"] = nil
		for _, tt := range []struct{ rule, proof, detail string }{
			{"signed by another key", proofBy(key, nil, jwkstest.SignedBy(other)), "the signature is not that of the jwk"},
			{"one bit changed", jwkstest.TamperSignature(proofBy(key, nil)), "the signature is not that of the jwk"},
			{"claims changed", jwkstest.TamperClaims(proofBy(key, nil), members{"jti": "x"}), "the signature is not that of the jwk"},
			{"another alg in the header", proofBy(key, nil, jwkstest.Header("alg", "ES256")), "header: jwk: alg does not fit the key"},
			{"the key of a token of today", proofBy(other, nil), "the proof's key is not the token's"},
			{"jwk without alg", proofBy(key, nil, jwkstest.Header("jwk", withoutAlg)), "header: jwk: alg is missing"},
			{"private jwk, even if it is null", proofBy(key, nil, jwkstest.Header("jwk", private)), "header: jwk: a private key"},
		} {
			e := refusalOf(t, confirmBy(c, key, tt.proof))
			assert.Contains(t, e.Error(), tt.detail, "%s: %s", alg, tt.rule)
		}
	}
}

func TestMLDSAProofsAreNoDefault(t *testing.T) {
	needMLDSA(t)
	key := jwkstest.NewKey("ML-DSA-44")
	for _, algorithms := range [][]string{nil, {"ES256"}} {
		e := refusalOf(t, confirmBy(newChecker(t, dpop.Config{Algorithms: algorithms}), key, proofBy(key, nil)))
		assert.Contains(t, e.Error(), "the proof is too long")
	}
	e := refusalOf(t, confirmBy(newChecker(t, dpop.Config{Algorithms: []string{"ML-DSA-65"}}), key, proofBy(key, nil)))
	assert.Contains(t, e.Error(), "alg is not one of Config.Algorithms")
}

// The bound grows by what the algorithm needs only, and is that of the longest one.
func TestBoundOfAProof(t *testing.T) {
	needMLDSA(t)
	for _, tt := range []struct {
		algorithms []string
		most       int
	}{
		{nil, 4096},
		{[]string{"ES256", "RS256"}, 4096},
		{[]string{"ES256", "ML-DSA-44"}, 8 << 10},
		{[]string{"ML-DSA-65", "ES256", "ML-DSA-44"}, 10 << 10},
		{[]string{"ML-DSA-44", "ML-DSA-87", "ES256"}, 12 << 10},
	} {
		c := newChecker(t, dpop.Config{Algorithms: tt.algorithms})
		require.NoError(t, confirm(c, request(proofOfLength(t, tt.most))), "%q", tt.algorithms)
		e := refusalOf(t, confirm(c, request(proofOfLength(t, tt.most+1))))
		assert.Contains(t, e.Error(), "the proof is too long", "%q", tt.algorithms)
	}
}

// proofOfLength returns a good proof of so many bytes. A base64url segment cannot have every
// length, so the payload and the header grow.
func proofOfLength(t *testing.T, length int) string {
	t.Helper()
	for inHeader := range 4 {
		option := jwkstest.Header("x", strings.Repeat("x", inHeader))
		fill := (length - len(proof(members{"x": ""}, option))) * 3 / 4
		for more := fill - 3; more <= fill+3; more++ {
			if p := proof(members{"x": strings.Repeat("x", more)}, option); len(p) == length {
				return p
			}
		}
	}
	require.Fail(t, "no proof of this length", length)
	return ""
}

func TestMLDSAThatIsMissingIsAMistake(t *testing.T) {
	for _, alg := range mldsa.Algorithms() {
		_, err := dpop.New(dpop.Config{Origins: []string{apiOrigin}, Algorithms: []string{"ES256", alg}})
		missing := mldsa.Missing()
		if missing == nil {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, missing)
		assert.EqualError(t, err, `dpop: invalid Config.Algorithms: "`+alg+`": `+missing.Error())
	}
}
