package jwks_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
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

const signingInput = "eyJhbGciOiJub25lIn0.e30"

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

// onlyKey returns the one key that a set has for this header.
func onlyKey(t testing.TB, set claims.KeySet, alg, kid string) claims.Key {
	t.Helper()
	keys, err := set.Keys(t.Context(), alg, kid)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	return keys[0]
}

func TestSecretsVerify(t *testing.T) {
	for _, tt := range hmacTests {
		for _, size := range []int{tt.hash.Size(), tt.hash.Size() + 1, 200} {
			secret := randomSecret(size)
			set, err := jwks.NewSecrets(jwks.Secret{KeyID: "a", Algorithm: tt.alg, Value: secret})
			require.NoError(t, err)
			key := onlyKey(t, set, tt.alg, "a")
			checkMAC(t, key, hmacOf(tt.hash, secret, signingInput))
			other := hmacOf(tt.hash, randomSecret(size), signingInput)
			assert.Equal(t, claims.ErrSignature, key.Verify([]byte(signingInput), other), "another secret")
		}
	}
}

// checkMAC checks that a key verifies one MAC and nothing close to it.
func checkMAC(t *testing.T, key claims.Key, mac []byte) {
	t.Helper()
	input := []byte(signingInput)
	require.NoError(t, key.Verify(input, mac))
	assert.NoError(t, key.Verify(slices.Clone(input), slices.Clone(mac)), "a second time")

	refused := func(rule string, input, mac []byte) {
		t.Helper()
		assert.Equal(t, claims.ErrSignature, key.Verify(input, mac), rule)
	}
	refused("other input", []byte(signingInput+"x"), mac)
	refused("no input", nil, mac)
	refused("no MAC", input, nil)
	refused("cut", input, mac[:len(mac)-1])
	refused("extended", input, append(slices.Clone(mac), 0))
	refused("zeros", input, make([]byte, len(mac)))
	for _, i := range []int{0, len(mac) / 2, len(mac) - 1} {
		flipped := slices.Clone(mac)
		flipped[i] ^= 1
		refused(fmt.Sprintf("bit flipped in byte %d", i), input, flipped)
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
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	pkcs1 := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	pkix := must(x509.MarshalPKIXPublicKey(key.Public()))
	certificate := goodCertificate.Certificate[0]
	pemOf := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	const (
		short  = "secret is shorter than the hash of its Algorithm: HS256 needs 32 bytes, HS384 48, HS512 64"
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
		{"public key in PEM", "HS256", pemOf("PUBLIC KEY", pkix), public},
		{"certificate in PEM", "HS256", pemOf("CERTIFICATE", certificate), public},
		{"PKIX", "HS256", pkix, public},
		{"PKCS #1", "HS256", pkcs1, public},
		{"certificate", "HS256", certificate, public},
	} {
		set, err := jwks.NewSecrets(jwks.Secret{KeyID: "a", Algorithm: tt.alg, Value: tt.value})
		assert.EqualError(t, err, fmt.Sprintf("jwks: Secret 0 (KeyID \"a\", Algorithm %q): %s", tt.alg, tt.reason), tt.name)
		assert.Nil(t, set, tt.name)
	}
	_, err := jwks.NewSecrets()
	assert.EqualError(t, err, "jwks: NewSecrets without a secret")
}

// A secret that everyone knows or can guess, as programs make it by mistake (RFC 8725 sections 2.1
// and 3.5).
func TestC5GuessableSecretIsRefused(t *testing.T) {
	const (
		few     = "secret has fewer than 8 different bytes: is a variable unset, or is it a placeholder?"
		tail    = "secret ends with 8 or more zero bytes: is it a shorter one in an array?"
		encoded = "a key or a certificate, as hex, base64, a list of numbers or a point, is no secret"
	)
	pkix := must(x509.MarshalPKIXPublicKey(must(rsa.GenerateKey(rand.Reader, 2048)).Public()))
	certificate := goodCertificate.Certificate[0]
	file := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})
	point := must(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).PublicKey.Bytes())
	padded := func(secret string) []byte { return append([]byte(secret), make([]byte, 64)...)[:64] }
	for _, tt := range []struct {
		name   string
		value  []byte
		reason string
	}{
		{"an unset variable in an array", make([]byte, 64), few},
		{"all bytes are 255", bytes.Repeat([]byte{255}, 64), few},
		{"one letter", bytes.Repeat([]byte("s"), 64), few},
		{"one letter and zeros", append(make([]byte, 64), 's'), few},
		{"two letters", bytes.Repeat([]byte("ab"), 40), few},
		{"seven letters", bytes.Repeat([]byte("changeme"), 8), few},
		{"a word, again and again", bytes.Repeat([]byte("password"), 8), few},
		{"a short secret in an array", padded("correct horse battery"), tail},
		{"32 random bytes in an array", padded(string(randomSecret(31)) + "x"), tail},
		{"8 zeros behind", append(append(randomSecret(63), 'x'), make([]byte, 8)...), tail},
		{"public key in hex", []byte(hex.EncodeToString(pkix)), encoded},
		{"public key in hex with colons", []byte(strings.ReplaceAll(fmt.Sprintf("% x", pkix), " ", ":")), encoded},
		{"public key as a list of Go", fmt.Append(nil, pkix), encoded},
		{"public key as an array of Go", fmt.Appendf(nil, "%#v", pkix), encoded},
		{"public key as an array of JSON", []byte(strings.ReplaceAll(fmt.Sprint(pkix), " ", ",")), encoded},
		{"public key in base64", []byte(base64.StdEncoding.EncodeToString(pkix)), encoded},
		{"public key in PEM in base64", []byte(base64.StdEncoding.EncodeToString(file)), encoded},
		{"certificate in hex", []byte(hex.EncodeToString(certificate)), encoded},
		{"certificate in base64url", []byte(base64.RawURLEncoding.EncodeToString(certificate)), encoded},
		{"point", point, encoded},
		{"point in hex", []byte(hex.EncodeToString(point)), encoded},
	} {
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			set, err := jwks.NewSecrets(jwks.Secret{Algorithm: alg, Value: tt.value})
			assert.EqualError(t, err, fmt.Sprintf("jwks: Secret 0 (KeyID \"\", Algorithm %q): %s", alg, tt.reason), tt.name)
			assert.Nil(t, set, tt.name)
		}
	}
}

// The probability that one of these values is refused is less than 10^-11, and most of it is that
// of a value that starts as an SSH key does.
func TestC5RandomSecretIsAccepted(t *testing.T) {
	for name, secret := range map[string]func() []byte{
		"32 bytes":              func() []byte { return randomSecret(32) },
		"48 bytes":              func() []byte { return randomSecret(48) },
		"64 bytes":              func() []byte { return randomSecret(64) },
		"64 hex digits":         func() []byte { return []byte(hex.EncodeToString(randomSecret(32))) },
		"32 characters, base64": func() []byte { return []byte(base64.StdEncoding.EncodeToString(randomSecret(24))) },
		"43 characters":         func() []byte { return []byte(base64.RawURLEncoding.EncodeToString(randomSecret(32))) },
		"7 zeros behind":        func() []byte { return append(append(randomSecret(31), 'x'), make([]byte, 7)...) },
	} {
		n := 10_000
		if !strings.HasSuffix(name, "bytes") {
			n = 1000
		}
		for range n {
			value := secret()
			_, err := jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: value})
			require.NoError(t, err, "%s: %x", name, value)
		}
	}
}

func TestC5TextsThatAreAccepted(t *testing.T) {
	for _, value := range []string{
		"correct horse battery staple, not random", "hunter2-hunter2-hunter2-hunter2-", "550e8400-e29b-41d4-a716-446655440000",
		"0123456789abcdef0123456789abcdef", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14]", "{\"secret\":\"but it is no key at all\"}",
	} {
		_, err := jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: []byte(value)})
		assert.NoError(t, err, value)
	}
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
		`jwks: Secret 0 (KeyID "a", Algorithm "HS256"): secret is shorter than the hash of its Algorithm: HS256 needs 32 bytes, HS384 48, HS512 64`,
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

	cause := errors.New("cause")
	var printed []string
	for _, v := range []any{secret, &secret, secret.Value, set, *set, held, &held, key, []any{secret, set}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%8.3v", "%z", "%*d", "no verb"} {
			printed = append(printed, fmt.Sprintf(verb, v))
		}
		printed = append(printed, fmt.Sprint(v), fmt.Sprintln(v), logged(v))
		printed = append(printed, fmt.Errorf("%v: %w", v, cause).Error())
		document, err := json.Marshal(v)
		require.NoError(t, err)
		printed = append(printed, string(document))
	}
	for _, text := range printed {
		for _, form := range spellings(value[:14]) {
			assert.NotContains(t, text, form)
		}
	}
	assert.Equal(t, "jwks.Secret(redacted) jwks.Secret(redacted)", fmt.Sprintf("%x %#v", secret, &secret))
	assert.Contains(t, logged(secret), `"v":{"KeyID":"a","Algorithm":"HS256"}`)
	assert.Contains(t, logged(secret.Value), `"v":"(redacted)"`)
	text, err := secret.Value.MarshalText()
	require.NoError(t, err)
	assert.Equal(t, "(redacted)", string(text))
	assert.Contains(t, logged(set), `"v":{}`, "as JSON")
}

// Some printers follow pointers into unexported fields and call only these methods. The module
// github.com/davecgh/go-spew calls String, and github.com/kr/pretty calls GoString.
func TestSecretsAreHiddenFromOtherPrinters(t *testing.T) {
	const value = "hunter2-hunter2-hunter2-hunter2-"
	secret := jwks.Secret{KeyID: "kid of it", Algorithm: "HS256", Value: []byte(value)}
	assert.Equal(t, "(redacted)", secret.Value.String())
	assert.Equal(t, "(redacted)", secret.Value.GoString())
	require.Contains(t, reachable(reflect.ValueOf(&secret)), value, "without methods, it can be read")

	set, err := jwks.NewSecrets(secret)
	require.NoError(t, err)
	found := reachable(reflect.ValueOf(set))
	assert.Contains(t, found, "kid of it")
	for _, text := range found {
		assert.NotContains(t, text, value[:14])
	}
}

// reachable returns every string and every slice of bytes that reflection finds. It looks at
// values without cycles only.
func reachable(v reflect.Value) (found []string) {
	switch v.Kind() {
	case reflect.String:
		return []string{v.String()}
	case reflect.Pointer, reflect.Interface:
		return reachable(v.Elem())
	case reflect.Struct:
		for _, field := range v.Fields() {
			found = append(found, reachable(field)...)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			found = append(found, reachable(key)...)
			found = append(found, reachable(v.MapIndex(key))...)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
			return []string{string(v.Bytes())}
		}
		for n := range v.Len() {
			found = append(found, reachable(v.Index(n))...)
		}
	}
	return found
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

// The MACs of RFC 7515 appendix A.1 and RFC 7520 section 4.4 (both May 2015).
func TestPublishedMACs(t *testing.T) {
	const (
		rfc7515Payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
		rfc7520Payload = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
	)
	for _, tt := range []struct{ source, secret, token string }{
		{
			"RFC 7515 appendix A.1",
			"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
			"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + rfc7515Payload + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		},
		{
			"RFC 7520 section 4.4",
			"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
			"eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9." + rfc7520Payload + ".s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
		},
	} {
		secret, err := base64.RawURLEncoding.DecodeString(tt.secret)
		require.NoError(t, err)
		set, err := jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: secret})
		require.NoError(t, err)
		key := onlyKey(t, set, "HS256", "")
		dot := strings.LastIndexByte(tt.token, '.')
		mac, err := base64.RawURLEncoding.DecodeString(tt.token[dot+1:])
		require.NoError(t, err, tt.source)
		assert.NoError(t, key.Verify([]byte(tt.token[:dot]), mac), tt.source)
		assert.Equal(t, claims.ErrSignature, key.Verify([]byte(tt.token[1:dot]), mac), tt.source)
	}
}

func BenchmarkSecretVerify(b *testing.B) {
	for _, tt := range hmacTests {
		secret := randomSecret(64)
		set, err := jwks.NewSecrets(jwks.Secret{Algorithm: tt.alg, Value: secret})
		require.NoError(b, err)
		key := onlyKey(b, set, tt.alg, "")
		input, mac := []byte(signingInput), hmacOf(tt.hash, secret, signingInput)
		b.Run(tt.alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := key.Verify(input, mac); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
