package keyset_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/keyset"
)

// spellings are the ways in which programs print or store bytes.
var spellings = map[string]func([]byte) string{
	"hex":                   hex.EncodeToString,
	"hex in capitals":       func(b []byte) string { return fmt.Sprintf("%X", b) },
	"hex with 0x":           func(b []byte) string { return fmt.Sprintf("%#x", b) },
	"hex with colons":       func(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("% x", b), " ", ":") },
	"hex with hyphens":      func(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("% X", b), " ", "-") },
	"hex with spaces":       func(b []byte) string { return fmt.Sprintf("% x", b) },
	"hex in lines":          func(b []byte) string { return lines(hex.EncodeToString(b), 32) },
	"hex in quotes":         func(b []byte) string { return fmt.Sprintf("%q", hex.EncodeToString(b)) },
	"escapes":               func(b []byte) string { return eachByte(b, `\x%02x`, "") },
	"array of Go":           func(b []byte) string { return fmt.Sprintf("%#v", b) },
	"list of Go":            func(b []byte) string { return fmt.Sprint(b) },
	"array of C":            func(b []byte) string { return "{" + eachByte(b, "0x%02X", ", ") + "}" },
	"array of JSON":         func(b []byte) string { return "[" + eachByte(b, "%d", ",") + "]" },
	"array of JSON, spaced": func(b []byte) string { return "[\n  " + eachByte(b, "%d", ",\n  ") + "\n]" },
	"decimals":              func(b []byte) string { return eachByte(b, "%d", ",") },
	"decimals of 3 digits":  func(b []byte) string { return eachByte(b, "%03d", " ") },
	"Buffer of Node.js":     func(b []byte) string { return `{"type":"Buffer","data":[` + eachByte(b, "%d", ",") + `]}` },
	"array of Java":         signedBytes,
	"base64":                base64.StdEncoding.EncodeToString,
	"base64 without =":      base64.RawStdEncoding.EncodeToString,
	"base64url":             base64.URLEncoding.EncodeToString,
	"base64url without =":   base64.RawURLEncoding.EncodeToString,
	"base64 in lines":       func(b []byte) string { return lines(base64.StdEncoding.EncodeToString(b), 64) },
	"base64 in quotes":      func(b []byte) string { return fmt.Sprintf("%q", base64.StdEncoding.EncodeToString(b)) },
	"base64, escaped lines": func(b []byte) string {
		return strings.ReplaceAll(lines(base64.StdEncoding.EncodeToString(b), 64), "\n", `\n`)
	},
}

func eachByte(b []byte, format, separator string) string {
	texts := make([]string, len(b))
	for i, octet := range b {
		texts[i] = fmt.Sprintf(format, octet)
	}
	return strings.Join(texts, separator)
}

func signedBytes(b []byte) string {
	signed := make([]int8, len(b))
	for i, octet := range b {
		signed[i] = int8(octet)
	}
	text, _ := json.Marshal(signed)
	return string(text)
}

func lines(text string, width int) string {
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + "\n")
		text = text[width:]
	}
	return b.String() + text + "\n"
}

// keyFiles are keys and certificates as they are in files.
func keyFiles(t testing.TB) map[string][]byte {
	t.Helper()
	pkix := func(key any) []byte {
		der, err := x509.MarshalPKIXPublicKey(key)
		require.NoError(t, err)
		return der
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ed25519Key())
	require.NoError(t, err)
	jwk, err := json.Marshal(jwkOf(t, p256Key().Public(), nil))
	require.NoError(t, err)
	return map[string][]byte{
		"RSA":         pkix(rsaKey().Public()),
		"RSA PKCS #1": x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey),
		"P-256":       pkix(p256Key().Public()),
		"P-521":       pkix(p521Key().Public()),
		"Ed25519":     pkix(ed25519Key().Public()),
		"certificate": certificateOf(t, p256Key()),
		"private":     pkcs8,
		"PEM":         publicPEM(t, p256Key().Public()),
		"certificate in PEM": pem.EncodeToMemory(&pem.Block{
			Type: "CERTIFICATE", Bytes: certificateOf(t, rsaKey()),
		}),
		"JWK":     jwk,
		"JWK Set": documentOf(t, jwkOf(t, rsaKey().Public(), nil)),
		"SSH":     []byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBExampleExampleExampleExampleExample1 a@example"),
	}
}

func TestC5EncodedKeyIsFound(t *testing.T) {
	for kind, file := range keyFiles(t) {
		require.True(t, keyset.IsKeyMaterial(file), kind)
		for name, spell := range spellings {
			once := spell(file)
			assert.True(t, keyset.IsEncodedKeyMaterial([]byte(once)), "%s as %s", kind, name)
			twice := spellings["base64"]([]byte(once))
			assert.True(t, keyset.IsEncodedKeyMaterial([]byte(twice)), "%s as %s in base64", kind, name)
		}
	}
}

func TestC5PointIsFound(t *testing.T) {
	for _, key := range []*ecdsa.PrivateKey{p256Key(), p384Key(), p521Key()} {
		point, err := key.PublicKey.Bytes()
		require.NoError(t, err)
		for form, octets := range map[string][]byte{"uncompressed": point, "both coordinates": point[1:]} {
			assert.True(t, keyset.IsEncodedKeyMaterial(octets), form)
			for name, spell := range spellings {
				assert.True(t, keyset.IsEncodedKeyMaterial([]byte(spell(octets))), "%s as %s", form, name)
			}
		}
		off := append([]byte{}, point...)
		off[len(off)-1] ^= 1
		assert.False(t, keyset.IsEncodedKeyMaterial(off))
	}
}

// Random bytes and their texts are not taken for a key. They would need to be a point, or a dozen
// right bytes of DER, JSON or SSH: the probability is less than 2^-50 for each.
func TestC5RandomSecretIsNoKey(t *testing.T) {
	for range 500 {
		for _, size := range []int{32, 48, 64, 65, 96, 97, 132, 133} {
			secret := make([]byte, size)
			_, _ = rand.Read(secret)
			require.False(t, keyset.IsKeyMaterial(secret), "%x", secret)
			require.False(t, keyset.IsEncodedKeyMaterial(secret), "%x", secret)
		}
	}
	secret := make([]byte, 64)
	for name, spell := range spellings {
		for range 50 {
			_, _ = rand.Read(secret)
			require.False(t, keyset.IsEncodedKeyMaterial([]byte(spell(secret))), "%s %x", name, secret)
		}
	}
}

// What no program can tell from a random value.
func TestC5ValuesThatAreNotFound(t *testing.T) {
	point, err := p256Key().PublicKey.Bytes()
	require.NoError(t, err)
	for name, value := range map[string][]byte{
		"an Ed25519 key without a form": ed25519Key().Public().(ed25519.PublicKey),
		"a compressed point":            append([]byte{2 | point[64]&1}, point[1:33]...),
		"a modulus":                     rsaKey().N.Bytes(),
	} {
		assert.False(t, keyset.IsEncodedKeyMaterial(value), name)
	}
}

func FuzzEncodedKeyMaterial(f *testing.F) {
	for _, seed := range []string{"", "[", "[48,89", "0x", `\x`, "-", "0x30, 0x-1", "999,1", "AQAB", "[]byte{0x30}", "3059:"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if keyset.IsEncodedKeyMaterial(value) {
			require.GreaterOrEqual(t, len(value), 8, "no key is shorter")
		}
	})
}
