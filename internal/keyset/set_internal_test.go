package keyset

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// Public keys of RFC 7517 appendix A.1, RFC 7520 section 3.1 and RFC 8037 appendix A.2,
// as members of a JWK, and others of the same kinds.
const (
	rsaMembers     = `"kty":"RSA","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"`
	p256Members    = `"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"`
	p521Members    = `"kty":"EC","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"`
	ed25519Members = `"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
)

// jwkset builds a document of JWKs, each given by its members.
func jwkset(jwks ...string) []byte {
	if len(jwks) == 0 {
		return []byte(`{"keys":[]}`)
	}
	return []byte(`{"keys":[{` + strings.Join(jwks, `},{`) + `}]}`)
}

func mustParse(t testing.TB, prev *Set, jwks ...string) *Set {
	t.Helper()
	set, err := Parse(jwkset(jwks...), prev)
	require.NoError(t, err)
	return set
}

func candidatesOf(t testing.TB, set *Set, alg, kid string) []claims.Key {
	t.Helper()
	keys, err := set.Candidates(alg, kid)
	require.NoError(t, err)
	return keys
}

func TestSetWithoutAUsableKeyIsAnError(t *testing.T) {
	set, err := Parse(jwkset(), nil)
	require.ErrorIs(t, err, ErrNoUsableKey)
	require.NotNil(t, set)
	assert.Empty(t, set.Skipped())

	set, err = Parse(jwkset(`"kty":"oct","k":"AA","kid":"a"`, `"kty":"XMSS"`), nil)
	require.ErrorIs(t, err, ErrNoUsableKey)
	assert.Equal(t, []Skip{
		{KeyID: "a", Reason: "a symmetric key"},
		{Reason: "unsupported kty"},
	}, set.Skipped())
	assert.Zero(t, set.Len())
	assert.Empty(t, candidatesOf(t, set, "HS256", "a"))
}

// The members alg, use and key_ops of a key limit what it serves (RFC 7517 section 4).
func TestKeyServesTheAlgorithmsThatFit(t *testing.T) {
	all := []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
		"", "none", "HS256", "HS384", "HS512", "ES256K", "Ed448", "RSA-OAEP", "rs256", "RS256 ", "RS1",
	}
	for _, tt := range []struct{ name, jwk, serves string }{
		{"RSA", rsaMembers, "RS256 RS384 RS512 PS256 PS384 PS512"},
		{"P-256", p256Members, "ES256"},
		{"P-521", p521Members, "ES512"},
		{"Ed25519", ed25519Members, "EdDSA Ed25519"},
		{"RSA for RS256", rsaMembers + `,"alg":"RS256"`, "RS256"},
		{"RSA for PS512", rsaMembers + `,"alg":"PS512"`, "PS512"},
		{"P-256 for ES256", p256Members + `,"alg":"ES256"`, "ES256"},
		{"Ed25519 for EdDSA", ed25519Members + `,"alg":"EdDSA"`, "EdDSA Ed25519"},
		{"Ed25519 for Ed25519", ed25519Members + `,"alg":"Ed25519"`, "EdDSA Ed25519"},
		{"use sig", p256Members + `,"use":"sig"`, "ES256"},
		{"key_ops verify", p256Members + `,"key_ops":["verify"]`, "ES256"},
		{"key_ops verify among others", p256Members + `,"key_ops":["sign","x","verify"]`, "ES256"},
	} {
		set := mustParse(t, nil, tt.jwk+`,"kid":"a"`)
		var serves []string
		for _, alg := range all {
			if len(candidatesOf(t, set, alg, "a")) > 0 {
				serves = append(serves, alg)
			}
		}
		assert.Equal(t, tt.serves, strings.Join(serves, " "), tt.name)
	}
}

func TestCandidatesByKeyID(t *testing.T) {
	set := mustParse(t, nil,
		p256Members+`,"kid":"a"`, rsaMembers+`,"kid":"a"`, ed25519Members+`,"kid":"b"`, p521Members)

	count := func(alg, kid string) int { return len(candidatesOf(t, set, alg, kid)) }
	assert.Equal(t, 1, count("ES256", "a"))
	assert.Equal(t, 1, count("RS256", "a"), "two keys can have one kid (RFC 7517 section 4.5)")
	assert.Equal(t, 0, count("EdDSA", "a"), "a known kid, but its keys do not fit")
	assert.Equal(t, 1, count("EdDSA", "b"))
	assert.Equal(t, 0, count("EdDSA", "B"), "kids are case-sensitive")
	assert.Equal(t, 0, count("EdDSA", "c"))
	assert.Equal(t, 1, count("ES256", ""), "a token without kid")
	assert.Equal(t, 1, count("ES512", ""), "a token without kid and the key without kid")
	assert.Equal(t, 0, count("ES512", "c"), "a key without kid does not serve other kids")
	assert.Equal(t, []string{"a", "b"}, set.KeyIDs())
}

// In a set without kids, each key serves every kid of a token.
func TestSetWithoutKidsServesEveryKid(t *testing.T) {
	set := mustParse(t, nil, p256Members, ed25519Members+`,"kid":""`)
	for _, kid := range []string{"", "a", "b"} {
		assert.Len(t, candidatesOf(t, set, "ES256", kid), 1, kid)
		assert.Len(t, candidatesOf(t, set, "EdDSA", kid), 1, kid)
		assert.Empty(t, candidatesOf(t, set, "RS256", kid), kid)
	}
	assert.Empty(t, set.KeyIDs())

	// A key that cannot be used does not make it a set with kids.
	set = mustParse(t, nil, p256Members, rsaMembers+`,"kid":"enc","use":"enc"`)
	assert.Len(t, candidatesOf(t, set, "ES256", "a"), 1)
}

func TestCandidatesAreInDocumentOrderAndAtMostFour(t *testing.T) {
	variants := []string{
		p256Members + `,"kid":"a"`,
		p256Members + `,"kid":"a","alg":"ES256"`,
		p256Members + `,"kid":"a","use":"sig"`,
		p256Members + `,"kid":"a","key_ops":["verify"]`,
		p256Members + `,"kid":"a","use":"sig","key_ops":["verify"]`,
	}
	set := mustParse(t, nil, variants[:4]...)
	keys := candidatesOf(t, set, "ES256", "a")
	require.Len(t, keys, 4)
	for i, variant := range variants[:4] {
		only := candidatesOf(t, mustParse(t, set, variant), "ES256", "a")
		assert.Same(t, only[0], keys[i], "candidate %d", i)
	}
	for n := range variants[:4] {
		keys := candidatesOf(t, mustParse(t, nil, variants[:n+1]...), "ES256", "a")
		assert.Equal(t, n+1, cap(keys), "an append must not reach the next caller")
	}

	set = mustParse(t, nil, append(variants, ed25519Members+`,"kid":"b"`)...)
	keys, err := set.Candidates("ES256", "a")
	require.ErrorIs(t, err, claims.ErrUnknownKey)
	require.EqualError(t, err, "jwks: more than 4 keys for this alg and kid: claims: signing key is unknown")
	assert.Empty(t, keys)
	_, err = set.Candidates("ES256", "")
	require.ErrorIs(t, err, claims.ErrUnknownKey, "without kid")
	assert.Len(t, candidatesOf(t, set, "EdDSA", "b"), 1, "other keys of the set still serve")
	assert.Empty(t, candidatesOf(t, set, "ES256", "c"), "another kid is unknown, not ambiguous")
}

func TestIdenticalEntriesMerge(t *testing.T) {
	set := mustParse(t, nil,
		p256Members+`,"kid":"a","key_ops":["verify","sign"]`,
		`"x5t":"AA","key_ops":["sign","verify","sign"],"kid":"a",`+p256Members)
	assert.Equal(t, 1, set.Len())
	assert.Len(t, candidatesOf(t, set, "ES256", "a"), 1)
	assert.Empty(t, set.Skipped())
}

// A key keeps its identity as long as its material, kid, alg, use and key_ops do not change.
func TestKeyKeepsItsIdentityAcrossDocuments(t *testing.T) {
	before := p256Members + `,"kid":"a","alg":"ES256","use":"sig","key_ops":["encrypt","sign","verify"]`
	change := func(old, new string) string { return strings.Replace(before, old, new, 1) }
	for _, tt := range []struct {
		name, after string
		same        bool
	}{
		{"nothing", before, true},
		{"order of members", `"use":"sig","key_ops":["encrypt","sign","verify"],"alg":"ES256","kid":"a",` + p256Members, true},
		{"order of key_ops", change(`"sign","verify"`, `"verify", "sign" , "verify"`), true},
		{"white space and escapes", change(`"kid":"a"`, ` "k\u0069d" : "\u0061" `), true},
		{"an unknown member", before + `,"x5t":"AA"`, true},
		{"kid", change(`"kid":"a"`, `"kid":"b"`), false},
		{"kid dropped", change(`,"kid":"a"`, ``), false},
		{"alg dropped", change(`,"alg":"ES256"`, ``), false},
		{"use dropped", change(`,"use":"sig"`, ``), false},
		{"key_ops shorter", change(`"sign","verify"`, `"verify"`), false},
		{"key_ops dropped", change(`,"key_ops":["encrypt","sign","verify"]`, ``), false},
		{"key_ops in one string", change(`"encrypt","sign"`, `"encrypt\",\"sign"`), false},
	} {
		first := mustParse(t, nil, rsaMembers+`,"kid":"other"`, before)
		second := mustParse(t, first, tt.after)
		was := candidatesOf(t, first, "ES256", "a")[0]
		is := candidatesOf(t, second, "ES256", "")[0]
		assert.Equal(t, tt.same, was == is, tt.name)
	}

	// A key that left and came back is a new key, because the set between did not have it.
	first := mustParse(t, nil, before)
	between := mustParse(t, first, ed25519Members)
	third := mustParse(t, between, before)
	assert.NotSame(t, candidatesOf(t, first, "ES256", "a")[0], candidatesOf(t, third, "ES256", "a")[0])
}

func TestNewMaterialUnderAnOldKidIsAnotherKey(t *testing.T) {
	other := `"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
	first := mustParse(t, nil, p256Members+`,"kid":"a"`)
	second := mustParse(t, first, other+`,"kid":"a"`)
	assert.NotSame(t, candidatesOf(t, first, "ES256", "a")[0], candidatesOf(t, second, "ES256", "a")[0])
}

// A number is the same with and without leading zeros (RFC 7518 section 6.3.1.1).
func TestLeadingZerosDoNotChangeAnRSAKey(t *testing.T) {
	zeros := strings.Replace(rsaMembers, `"e":"AQAB"`, `"e":"AAAAAAEAAQ"`, 1)
	first := mustParse(t, nil, rsaMembers)
	second := mustParse(t, first, zeros)
	assert.Same(t, candidatesOf(t, first, "PS384", "")[0], candidatesOf(t, second, "PS384", "")[0])
}

func TestWithoutTakesOutMaterial(t *testing.T) {
	set := mustParse(t, nil,
		p256Members+`,"kid":"a"`, p256Members+`,"kid":"alias"`, ed25519Members+`,"kid":"b"`, rsaMembers, p256Members,
		`"kty":"AKP","kid":"skipped"`)
	materialOf := func(kids ...string) map[Thumbprint]struct{} {
		material := make(map[Thumbprint]struct{})
		for kid, m := range set.Materials() {
			if slices.Contains(kids, kid) {
				material[m] = struct{}{}
			}
		}
		return material
	}

	rest := set.Without(materialOf("a"))
	assert.Empty(t, candidatesOf(t, rest, "ES256", "a"))
	assert.Empty(t, candidatesOf(t, rest, "ES256", "alias"), "the same material under another kid")
	assert.Empty(t, candidatesOf(t, rest, "ES256", ""), "the same material without kid")
	assert.Same(t, candidatesOf(t, set, "EdDSA", "b")[0], candidatesOf(t, rest, "EdDSA", "b")[0])
	assert.Equal(t, []string{"b"}, rest.KeyIDs())
	assert.Equal(t, set.Skipped(), rest.Skipped())
	assert.Equal(t, 5, set.Len(), "the set itself is unchanged")
	assert.Len(t, candidatesOf(t, set, "ES256", "a"), 1)

	rest = set.Without(materialOf("a", "b"))
	assert.Len(t, candidatesOf(t, rest, "RS256", ""), 1)
	assert.Empty(t, candidatesOf(t, rest, "RS256", "a"), "the key without kid does not serve the kid that was taken out")

	assert.Same(t, set, set.Without(nil))
	assert.Same(t, set, set.Without(materialOf("unknown")))
}

func TestNilSetIsEmpty(t *testing.T) {
	var set *Set
	assert.Empty(t, candidatesOf(t, set, "RS256", "a"))
	assert.Nil(t, set.Without(map[Thumbprint]struct{}{{}: {}}))
	assert.Empty(t, set.KeyIDs())
	assert.Empty(t, set.Skipped())
	assert.Zero(t, set.Len())
}

func TestReportsCannotChangeTheSet(t *testing.T) {
	set := mustParse(t, nil, p256Members+`,"kid":"a"`, `"kty":"XMSS"`)
	set.Skipped()[0].Reason = "changed"
	set.KeyIDs()[0] = "changed"
	assert.Equal(t, "unsupported kty", set.Skipped()[0].Reason)
	assert.Equal(t, []string{"a"}, set.KeyIDs())
}

func TestSkippedKeyIDIsSafeToLog(t *testing.T) {
	for _, tt := range []struct{ kid, want string }{
		{"a-b_c.1", "a-b_c.1"},
		{"", ""},
		{"a\nlevel=ERROR\tmsg=\x00\x7f", "a?level=ERROR?msg=??"},
		{"grün \u202e", "gr?n ?"},
		{strings.Repeat("a", 300), strings.Repeat("a", 256)},
		{strings.Repeat("a", 255) + "ü", strings.Repeat("a", 255) + "?"},
	} {
		assert.Equal(t, tt.want, newSkip(tt.kid, errors.New("x")).KeyID)
	}
}
