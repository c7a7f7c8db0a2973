package keyset

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A stranger's key, such as the jwk of a DPoP proof, is read by the zero rules.
var strangerRules = rules{}

// reasonOf returns why a JWK is not used under these rules, or "" if it is used.
func reasonOf(t testing.TB, r rules, jwk string) string {
	t.Helper()
	_, e, err := r.readEntry(jsontext.Value("{"+jwk+"}"), nil)
	if err != nil {
		require.Nil(t, e)
		return err.Error()
	}
	return ""
}

// Serializers of Java and .NET write absent members as null.
func TestB4NullIsAbsenceInAnIssuersKeySet(t *testing.T) {
	optional := []string{
		"kid", "alg", "use", "key_ops", "d", "p", "q", "dp", "dq", "qi", "oth", "k",
		"x5c", "x5t", "x5t#S256", "x5u", "exp", "nbf", "issuer", "KID",
	}
	for _, base := range []string{rsaMembers, p256Members, p521Members, ed25519Members} {
		first := mustParse(t, nil, base)
		var all strings.Builder
		all.WriteString(base)
		for _, name := range optional {
			with := base + `,"` + name + `":null`
			assert.Equal(t, first.entries, mustParse(t, first, with).entries, "%s: the same key", name)
			all.WriteString(`,"` + name + `":null`)
		}
		set := mustParse(t, first, all.String())
		assert.Equal(t, first.entries, set.entries, "all at once")
		assert.Empty(t, set.Skipped())
	}
}

func TestB4NullIsNoKeyMaterial(t *testing.T) {
	for _, tt := range []struct{ base, name string }{
		{rsaMembers, "kty"},
		{rsaMembers, "n"},
		{rsaMembers, "e"},
		{p256Members, "kty"},
		{p256Members, "crv"},
		{p256Members, "x"},
		{p256Members, "y"},
		{ed25519Members, "kty"},
		{ed25519Members, "crv"},
		{ed25519Members, "x"},
	} {
		jwk := withMember(t, tt.base, tt.name, "null")
		assert.Equal(t, tt.name+" is missing", reasonOf(t, rules{lenient: true}, jwk))
	}
	for _, tt := range []struct{ jwk, reason string }{
		{rsaMembers + `,"key_ops":["verify",null]`, "key_ops is not an array of strings"},
		{rsaMembers + `,"key_ops":[null]`, "key_ops is not an array of strings"},
		{rsaMembers + `,"d":null,"d":null`, "duplicate member"},
		{rsaMembers + `,"d":null,"d":"AQ"`, "duplicate member"},
		{rsaMembers + `,"d":null,"p":"AQ"`, "a private key"},
		{rsaMembers + `,"d":""`, "a private key"},
		{`"kty":"oct","k":null`, "a symmetric key"},
	} {
		assert.Equal(t, tt.reason, reasonOf(t, rules{lenient: true}, tt.jwk), tt.jwk)
	}
}

func TestB4StrangersKeyWithNullIsRefused(t *testing.T) {
	for _, base := range []string{rsaMembers, p256Members, ed25519Members} {
		require.Empty(t, reasonOf(t, strangerRules, base))
		for _, name := range []string{"kid", "alg", "use"} {
			assert.Equal(t, name+" is not a string", reasonOf(t, strangerRules, base+`,"`+name+`":null`))
		}
		assert.Equal(t, "key_ops is not an array of strings", reasonOf(t, strangerRules, base+`,"key_ops":null`))
		for name := range strings.FieldsSeq("d p q dp dq qi oth k") {
			assert.Equal(t, "a private key", reasonOf(t, strangerRules, base+`,"`+name+`":null`), name)
		}
	}
}

// padded returns the JWK with = behind each value that needs it.
func padded(jwk string) string {
	for _, value := range strings.FieldsFunc(jwk, func(r rune) bool { return strings.ContainsRune(`{}":,`, r) }) {
		if missing := -len(value) & 3; len(value) > 40 {
			jwk = replaced(jwk, value, value+strings.Repeat("=", missing))
		}
	}
	return jwk
}

func TestB4PaddedKeyIsTheSameKey(t *testing.T) {
	for _, base := range []string{rsaMembers, p256Members, p521Members, ed25519Members} {
		first := mustParse(t, nil, base)
		second := mustParse(t, first, padded(base))
		assert.Equal(t, first.entries, second.entries, base)
	}
	for _, tt := range []struct{ base, name string }{{rsaMembers, "n"}, {p256Members, "x"}, {ed25519Members, "x"}} {
		assert.Equal(t, tt.name+" is not base64url", reasonOf(t, strangerRules, padded(tt.base)))
	}
	zeros := replaced(rsaMembers, `"AQAB"`, `"AAEAAQ=="`)
	assert.Empty(t, reasonOf(t, rules{lenient: true}, zeros))
	assert.Equal(t, "e is not base64url", reasonOf(t, strangerRules, zeros))
}
