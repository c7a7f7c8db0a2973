package keyset

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Odd JSON in each member of each kind of key must not panic. The key stays usable only if the
// member does not matter to it, or if the value is valid.
func TestOddMembersMakeAKeyUnusable(t *testing.T) {
	odd := []string{
		`null`, `true`, `false`, `0`, `-1`, `1.5`, `1e400`, `""`, `" "`, `"\u0000"`, `"="`, `"AAAA"`,
		`"verify"`, `"\ud800"`, `[]`, `[null]`, `[[[]]]`, `[""]`, `["verify",1]`, `{}`, `{"":null}`,
		`{"keys":[]}`, `{"kty":"RSA"}`,
	}
	names := []string{"kty", "kid", "alg", "use", "key_ops", "crv", "n", "e", "x", "y", "d", "k", "x5c", "x5t#S256", "exp"}
	matters := map[string][]string{
		"RSA": {"kty", "kid", "alg", "use", "key_ops", "n", "e", "d", "k"},
		"EC":  {"kty", "kid", "alg", "use", "key_ops", "crv", "x", "y", "d", "k"},
		"OKP": {"kty", "kid", "alg", "use", "key_ops", "crv", "x", "d", "k"},
	}
	optional := []string{"kid", "alg", "use", "key_ops", "d", "k"}
	shapes := 0
	for kind, base := range map[string]string{"RSA": rsaMembers, "EC": p256Members, "OKP": ed25519Members} {
		for _, name := range names {
			for _, value := range odd {
				shapes++
				usable := !slices.Contains(matters[kind], name) || name == "kid" && value[0] == '"'
				usable = usable || value == `null` && slices.Contains(optional, name)
				usable = usable && value != `"\ud800"`
				checkShape(t, withMember(t, base, name, value), usable)
			}
		}
	}
	assert.Equal(t, 1035, shapes)
}

// withMember returns the JWK with one member replaced or added.
func withMember(t *testing.T, base, name, value string) string {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte("{"+base+"}"), &members))
	members[name] = json.RawMessage(value)
	var list []string
	for name, value := range members {
		list = append(list, fmt.Sprintf("%q:%s", name, value))
	}
	return strings.Join(list, ",")
}

func checkShape(t *testing.T, jwk string, usable bool) {
	t.Helper()
	set, err := Parse(jwkset(jwk), nil)
	if usable {
		assert.NoError(t, err, jwk)
		return
	}
	assert.ErrorIs(t, err, ErrNoUsableKey, jwk)
	assert.Len(t, set.Skipped(), 1, jwk)
}

// FuzzParse checks for each document what callers rely on.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{}`, `{"keys":null}`, `{"keys":[]}`, `{"keys":[null,1,{}]}`, `{"keys":[]}x`, `{"keys":[],"keys":[]}`,
		string(jwkset(rsaMembers + `,"alg":"PS256","use":"sig","kid":"a"`)),
		string(jwkset(p256Members, p256Members+`,"kid":"a"`, p256Members+`,"kid":"a","key_ops":["verify"]`)),
		string(jwkset(p521Members+`,"x5c":["AA"]`, ed25519Members+`,"alg":"Ed25519"`)),
		string(jwkset(rsaMembers+`,"d":"AQ"`, `"kty":"oct","k":"AA"`, okp("Ed25519", make([]byte, 32)))),
		string(jwkset(p256Members+`,"use":"jwt-svid","kid":"a"`, ed25519Members+`,"use":"x509-svid"`, rsaMembers+`,"kid":null`)),
		string(jwkset(akpOf("ML-DSA-44"), akpOf("ML-DSA-65")+`,"use":"sig"`, akpOf("ML-DSA-87")+`,"priv":"AA"`)),
		string(jwkset(rsaOfBits(1024), rsaOf(oddOfBits(2048), 1), ec("P-256", p256Y, p256X))),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		set, err := Parse(document, nil)
		if err != nil && !errors.Is(err, ErrNoUsableKey) {
			require.Nil(t, set)
			return
		}
		require.Equal(t, err == nil, set.Len() > 0)
		require.LessOrEqual(t, set.Len()+len(set.Skipped()), MaxKeys)
		again, err2 := Parse(document, set)
		require.Equal(t, err, err2)
		checkUsable(t, set, again)

		bundle, err := ParseBundle(document, set)
		require.NoError(t, err)
		again, err = ParseBundle(document, bundle)
		require.NoError(t, err)
		checkUsable(t, bundle, again)
	})
}

// checkUsable looks up each key by its header. The key must be found unless the header is
// ambiguous, keep its identity, serve no algorithm with a secret, and refuse a made-up signature.
func checkUsable(t *testing.T, set, again *Set) {
	t.Helper()
	for i, e := range set.entries {
		require.Equal(t, e, again.entries[i])
		require.NotEmpty(t, e.keys)
		require.LessOrEqual(t, len(e.id.kid), MaxKeyIDBytes)
		for _, k := range e.keys {
			require.True(t, Supported(k.alg), k.alg)
			require.Error(t, k.key.Verify([]byte("input"), make([]byte, k.key.(*signatureKey).size)))
			keys, err := set.Candidates(k.alg, e.id.kid)
			if err == nil {
				require.Contains(t, keys, k.key)
			}
			require.LessOrEqual(t, len(keys), MaxCandidates)
		}
	}
}
