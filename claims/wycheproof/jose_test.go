package wycheproof_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

const (
	signatureFile = "json_web_signature_test.json"
	keyFile       = "json_web_key_test.json"
	cryptoFile    = "json_web_crypto_test.json"
)

// exceptions are the vectors whose expectation the verifier does not meet, each with a reason. The
// tests below check the reasons.
var exceptions = []struct {
	file   string
	ids    []int
	reason string
}{
	// Refused, where the vector says valid.
	{signatureFile, []int{259, 264, 268, 272, 320, 325}, "an empty payload is not a set of claims (RFC 7519 section 7.2 step 10)"},
	{signatureFile, []int{346, 350}, "the key's alg is PS256 and the token's PS384 (RFC 7517 section 4.4); the key of RFC 7520 has no alg"},
	{signatureFile, []int{347, 351}, "the key's alg is ES521, which does not exist; the key of RFC 7520 has no alg"},
	{signatureFile, []int{372, 373}, "a question mark is not base64url (RFC 7515 section 2)"},
	{cryptoFile, []int{50, 67}, "encrypted tokens are not accepted (RFC 9068 section 4 leaves them to agreement)"},
	// Accepted, where the vector says invalid.
	{signatureFile, []int{367, 370}, "these vectors lack the padding that their comments mention: they equal vector 357, which is valid"},
	{keyFile, []int{4}, "several keys may have the same kid, for example during a rotation (RFC 7517 section 4.5: SHOULD be distinct); each is tried"},
}

func reasonOf(file string, id int) string {
	for _, e := range exceptions {
		if e.file == file && slices.Contains(e.ids, id) {
			return e.reason
		}
	}
	return ""
}

// TestJOSE runs every vector. It compares the number of accepted vectors and the reasons of all
// refusals, because a refusal for a wrong reason hides a check that did not run.
func TestJOSE(t *testing.T) {
	for file, want := range map[string]map[string]int{
		signatureFile: {"accepted": 36, "signature": 293, "malformed": 50, "unknown_key": 10, "algorithm": 6, "keys refused": 6},
		keyFile:       {"accepted": 6, "signature": 1, "algorithm": 1, "keys refused": 18},
		cryptoFile:    {"accepted": 4, "signature": 8, "malformed": 64, "unknown_key": 3, "algorithm": 3, "keys refused": 1},
	} {
		t.Run(file, func(t *testing.T) {
			got := map[string]int{}
			for _, group := range readJOSE(t, file).Groups {
				for _, vector := range group.Tests {
					err := verify(t, group, vector.token(t))
					got[outcome(t, err)]++
					check(t, file, vector, err)
				}
			}
			assert.Equal(t, want, got)
			for _, outcome := range slices.Sorted(maps.Keys(got)) {
				t.Logf("%4d %s", got[outcome], outcome)
			}
		})
	}
}

func check(t *testing.T, file string, vector joseVector, err error) {
	t.Helper()
	met := (err == nil) == vector.wantsAcceptance(t)
	reason := reasonOf(file, vector.ID)
	assert.True(t, met || reason != "", "vector %d (%s) is %s, but: %v", vector.ID, vector.Comment, vector.Result, err)
	assert.False(t, met && reason != "", "vector %d (%s) is not an exception: its expectation is met", vector.ID, vector.Comment)
}

func outcome(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return "accepted"
	}
	if errors.Is(err, errKeysRefused) {
		return "keys refused"
	}
	var reason claims.Reason
	require.ErrorAs(t, err, &reason)
	return string(reason)
}

// The signatures over the empty payload are good, so the payload is the only reason for the
// refusal.
func TestEmptyPayloadIsTheOnlyReason(t *testing.T) {
	file := readJOSE(t, signatureFile)
	for _, id := range []int{259, 264, 268, 272, 320, 325} {
		group, vector := file.vectorOf(t, id)
		require.Equal(t, "emptyPayload", vector.Comment)
		keys, algorithms, err := group.keys()
		require.NoError(t, err)
		assert.NoError(t, verifyTransplanted(t, keys, algorithms, vector.token(t)), "vector %d", id)
	}
}

// The keys of RFC 7520 have no alg. Without the alg that the vectors add, the signatures verify.
func TestKeysOfRFC7520WithoutTheAddedAlg(t *testing.T) {
	file := readJOSE(t, signatureFile)
	for _, id := range []int{346, 347, 350, 351} {
		group, vector := file.vectorOf(t, id)
		require.True(t, strings.HasPrefix(group.Comment, "rfc7520"))
		var jwk map[string]any
		require.NoError(t, json.Unmarshal(group.Public, &jwk))
		require.Contains(t, []any{"PS256", "ES521"}, jwk["alg"])
		delete(jwk, "alg")
		var err error
		group.Public, err = json.Marshal(jwk)
		require.NoError(t, err)
		assert.NoError(t, verify(t, group, vector.token(t)), "vector %d", id)
	}
}

func TestLostPadding(t *testing.T) {
	file := readJOSE(t, signatureFile)
	group, valid := file.vectorOf(t, 357)
	good := valid.token(t)
	for _, id := range []int{367, 370} {
		_, vector := file.vectorOf(t, id)
		assert.Equal(t, good, vector.token(t), "vector %d", id)
	}
	part := strings.Split(good, ".")
	for rule, padded := range map[string]string{
		"header":    part[0] + "=." + part[1] + "." + part[2],
		"payload":   part[0] + "." + part[1] + "==." + part[2],
		"signature": good + "=",
	} {
		assert.ErrorIs(t, verify(t, group, padded), claims.ErrMalformed, rule)
	}
}

// The question mark is the only reason for the refusal.
func TestQuestionMark(t *testing.T) {
	file := readJOSE(t, signatureFile)
	for _, id := range []int{372, 373} {
		group, vector := file.vectorOf(t, id)
		token := vector.token(t)
		require.Equal(t, 1, strings.Count(token, "?"))
		assert.ErrorIs(t, verify(t, group, token), claims.ErrMalformed)
		assert.NoError(t, verify(t, group, strings.Replace(token, "?", "", 1)))
	}
}

// The secret of the vectors from 357 on is refused, though their tokens are judged.
func TestZeroSecretIsRefused(t *testing.T) {
	group, _ := readJOSE(t, signatureFile).vectorOf(t, 357)
	keys, _, err := group.keys()
	require.NoError(t, err)
	require.Equal(t, zeroSecret{}, keys)
	_, err = jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: make([]byte, 32)})
	require.ErrorContains(t, err, "fewer than 8 different bytes")
}

// A key set with private keys is refused as a whole.
func TestPrivateKeysAreRefused(t *testing.T) {
	for _, group := range readJOSE(t, signatureFile).Groups {
		_, _, err := asymmetric(group.Private)
		assert.Error(t, err, group.Comment)
	}
}

func TestBadKeysAreRefused(t *testing.T) {
	file := readJOSE(t, keyFile)
	for id, reason := range map[int]string{
		6:  "use is not sig",
		8:  "RSA modulus under 2048 bits",
		9:  "RSA exponent is not an odd number",
		10: "secret is shorter than the hash",
		11: "secret is shorter than the hash",
		12: "secret is shorter than the hash",
		16: "secret is shorter than the hash",
		17: "secret is shorter than the hash",
		18: "secret is shorter than the hash",
		19: "unsupported alg",
		20: "unsupported alg",
		21: "use is not sig",
		22: "point is not on the curve",
		23: "point is not on the curve",
		24: "n is missing",
		25: "Algorithm is none of",
		26: "Algorithm is none of",
	} {
		group, vector := file.vectorOf(t, id)
		err := verify(t, group, vector.token(t))
		require.ErrorIs(t, err, errKeysRefused, "vector %d", id)
		assert.ErrorContains(t, err, reason, "vector %d", id)
	}
}
