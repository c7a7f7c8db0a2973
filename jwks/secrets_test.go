package jwks_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

var hmacTests = []struct {
	alg  string
	hash crypto.Hash
}{{"HS256", crypto.SHA256}, {"HS384", crypto.SHA384}, {"HS512", crypto.SHA512}}

func randomSecret(size int) []byte {
	secret := make([]byte, size)
	_, _ = rand.Read(secret)
	return secret
}

func hmacOf(hash crypto.Hash, secret []byte, input string) []byte {
	mac := hmac.New(hash.New, secret)
	mac.Write([]byte(input))
	return mac.Sum(nil)
}

func TestSecretsVerify(t *testing.T) {
	for _, tt := range hmacTests {
		for _, size := range []int{tt.hash.Size(), tt.hash.Size() + 1, 200} {
			secret := randomSecret(size)
			set, err := jwks.NewSecrets(jwks.Secret{KeyID: "a", Algorithm: tt.alg, Value: secret})
			require.NoError(t, err)
			key := onlyKey(t, set, tt.alg, "a")
			checkKey(t, key, hmacOf(tt.hash, secret, signingInput))
			other := hmacOf(tt.hash, randomSecret(size), signingInput)
			assert.Equal(t, claims.ErrSignature, key.Verify([]byte(signingInput), other), "another secret")
		}
	}
}

// A secret serves only its algorithm and kid, and never an algorithm of public keys.
func TestSecretsServeOnlyTheirAlgorithmAndKid(t *testing.T) {
	set, err := jwks.NewSecrets(
		jwks.Secret{KeyID: "a", Algorithm: "HS256", Value: randomSecret(64)},
		jwks.Secret{Algorithm: "HS384", Value: randomSecret(64)})
	require.NoError(t, err)
	for _, header := range [][2]string{
		{"HS256", "b"},
		{"HS384", "a"},
		{"HS512", "a"},
		{"hs256", "a"},
		{"RS256", "a"},
		{"none", "a"},
		{"none", ""},
		{"", ""},
	} {
		_, err := set.Keys(t.Context(), header[0], header[1])
		assert.ErrorIs(t, err, claims.ErrUnknownKey, "%q", header)
	}
	assert.NotNil(t, onlyKey(t, set, "HS384", ""), "a token without kid")

	set, err = jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: randomSecret(32)})
	require.NoError(t, err)
	assert.NotNil(t, onlyKey(t, set, "HS256", "any"), "no secret of the set has a kid")
}

func TestNewSecretsRefusesMistakes(t *testing.T) {
	pkcs1 := x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)
	pkix, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	require.NoError(t, err)
	const (
		short  = "secret is shorter than the hash of its Algorithm"
		alg    = "Algorithm is none of HS256, HS384 and HS512"
		public = "a key or a certificate, in PEM, DER, JWK or SSH form, is no secret"
	)
	for _, tt := range []struct {
		name, alg string
		value     []byte
		reason    string
	}{
		{"empty", "HS256", nil, short},
		{"31 bytes for HS256", "HS256", randomSecret(31), short},
		{"47 bytes for HS384", "HS384", randomSecret(47), short},
		{"63 bytes for HS512", "HS512", randomSecret(63), short},
		{"no algorithm", "", randomSecret(64), alg},
		{"RS256", "RS256", randomSecret(64), alg},
		{"none", "none", randomSecret(64), alg},
		{"hs256", "hs256", randomSecret(64), alg},
		{"public key in PEM", "HS256", publicPEM(t, rsaKey().Public()), public},
		{"certificate in PEM", "HS256", pemOf("CERTIFICATE", certificateOf(t, p256Key())), public},
		{"PKIX", "HS256", pkix, public},
		{"PKCS #1", "HS256", pkcs1, public},
		{"certificate", "HS256", certificateOf(t, p256Key()), public},
	} {
		set, err := jwks.NewSecrets(jwks.Secret{KeyID: "a", Algorithm: tt.alg, Value: tt.value})
		assert.EqualError(t, err, fmt.Sprintf("jwks: Secret 0 (KeyID \"a\", Algorithm %q): %s", tt.alg, tt.reason), tt.name)
		assert.Nil(t, set, tt.name)
	}
	_, err = jwks.NewSecrets()
	assert.EqualError(t, err, "jwks: NewSecrets without a secret")
}

func TestNewSecretsReportsAllMistakesAtOnce(t *testing.T) {
	secrets := []jwks.Secret{
		{KeyID: "a", Algorithm: "HS256", Value: []byte("hunter2")},
		{KeyID: strings.Repeat("b", 257), Algorithm: "HS256", Value: randomSecret(32)},
	}
	for range 5 {
		secrets = append(secrets, jwks.Secret{KeyID: "c", Algorithm: "HS512", Value: randomSecret(64)})
	}
	_, err := jwks.NewSecrets(secrets...)
	require.Error(t, err)
	assert.Equal(t, strings.Join([]string{
		`jwks: Secret 0 (KeyID "a", Algorithm "HS256"): secret is shorter than the hash of its Algorithm`,
		`jwks: Secret 1 (KeyID "` + strings.Repeat("b", 257) + `", Algorithm "HS256"): kid is longer than 256 bytes`,
		`jwks: more than 4 keys for alg "HS512" and kid "c"`,
	}, "\n"), err.Error())
}

func TestNewSecretsCopiesTheSecret(t *testing.T) {
	secret := randomSecret(32)
	signature := hmacOf(crypto.SHA256, secret, signingInput)
	set, err := jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: secret})
	require.NoError(t, err)
	clear(secret)
	assert.NoError(t, onlyKey(t, set, "HS256", "").Verify([]byte(signingInput), signature))
}

// No way to print these values shows a secret, even if they are inside other values.
func TestSecretsAreNeverPrinted(t *testing.T) {
	const value = "hunter2-hunter2-hunter2-hunter2-"
	secret := jwks.Secret{KeyID: "a", Algorithm: "HS256", Value: []byte(value)}
	set, err := jwks.NewSecrets(secret)
	require.NoError(t, err)
	type holder struct {
		Secret  jwks.Secret
		Pointer *jwks.Secret
		Set     *jwks.Secrets
		hidden  *jwks.Secrets
		List    []jwks.Secret
	}
	held := holder{secret, &secret, set, set, []jwks.Secret{secret}}
	key := onlyKey(t, set, "HS256", "a")

	var printed []string
	for _, v := range []any{secret, &secret, set, *set, held, &held, key, []any{secret, set}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%8.3v"} {
			printed = append(printed, fmt.Sprintf(verb, v))
		}
		printed = append(printed, fmt.Sprint(v), fmt.Sprintln(v), logged(v))
		document, err := json.Marshal(v)
		require.NoError(t, err)
		printed = append(printed, string(document))
	}
	for _, text := range printed {
		for _, form := range spellings(value[:14]) {
			assert.NotContains(t, text, form)
		}
	}
	assert.Equal(t, "jwks.Secret(redacted) jwks.Secrets(redacted)", fmt.Sprintf("%v %#v", secret, set))
	assert.Equal(t, "jwks.Secret(redacted) jwks.Secrets(redacted)", secret.GoString()+" "+set.GoString())
	assert.Equal(t, "jwks.Secret(redacted) jwks.Secrets(redacted)", fmt.Sprintf("%x %d", secret, set))
	assert.Contains(t, logged(secret), `"v":"jwks.Secret(redacted)"`)
	assert.Contains(t, logged(set), `"v":"jwks.Secrets(redacted)"`)
}

func logged(v any) string {
	var text bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", v)
	slog.New(slog.NewJSONHandler(&text, nil)).Info("m", "v", v)
	return text.String()
}

// spellings are the ways in which fmt and encoding/json print bytes.
func spellings(secret string) []string {
	list := strings.Trim(fmt.Sprint([]byte(secret)), "[]")
	base64, _ := json.Marshal([]byte(secret[:12]))
	return slices.Concat([]string{
		secret, list, strings.ReplaceAll(list, " ", ", "), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret),
		strings.Trim(string(base64), `"`),
	}, []string{strings.Trim(fmt.Sprintf("%#v", []byte(secret)), "[]byte{}")})
}
