package mtls_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// requireReading fails if the field is accepted with another certificate than the standard
// library reads in it.
func requireReading(t *testing.T, c *mtls.Checker, field string, der []byte) (accepted bool) {
	t.Helper()
	got := confirm(t, c, from(proxy, field), boundTo(der))
	require.NotEqual(t, another, got, "%q", field)
	return got == ""
}

func FuzzClientCert(f *testing.F) {
	for _, seed := range []string{clientCert(newCertificate(f).Leaf.Raw), "", ":", "::", ":AA==:", ":AB==:", ":AA==:;a=b", ":A\nA==:", "AA=="} {
		f.Add(seed)
	}
	c := newChecker(f, mtls.Config{Source: mtls.FromClientCert})
	f.Fuzz(func(t *testing.T, field string) {
		der, _ := base64.StdEncoding.DecodeString(strings.Trim(field, ":"))
		if requireReading(t, c, field, der) {
			require.Equal(t, clientCert(der), field, "one spelling")
		}
	})
}

func FuzzEscapedPEM(f *testing.F) {
	one, two := newCertificate(f).Leaf.Raw, newCertificate(f).Leaf.Raw
	for _, seed := range []string{nginx(one), alb(one), alb(one, two), "", "%", "%0", "%0A", nginx(nil), nginx([]byte("x"))} {
		f.Add(seed)
	}
	c := newChecker(f, mtls.Config{Source: mtls.FromEscapedPEM})
	f.Fuzz(func(t *testing.T, field string) {
		var der []byte
		decoded, err := url.PathUnescape(field)
		if block, _ := pem.Decode([]byte(decoded)); block != nil {
			der = block.Bytes
		}
		if requireReading(t, c, field, der) {
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(decoded, "-----BEGIN CERTIFICATE-----\n"))
		}
	})
}

func FuzzFingerprint(f *testing.F) {
	der := newCertificate(f).Leaf.Raw
	hash := sha256.Sum256(der)
	for _, seed := range []string{
		fingerprint(der), strings.ToUpper(fingerprint(der)), base64.StdEncoding.EncodeToString(hash[:]),
		base64.RawURLEncoding.EncodeToString(hash[:]), "", strings.Repeat("\n", 44),
	} {
		f.Add(seed)
	}
	c := newChecker(f, mtls.Config{Source: mtls.FromFingerprint})
	f.Fuzz(func(t *testing.T, field string) {
		_ = confirm(t, c, from(proxy, field), boundTo(der))
		for name, decode := range map[string]func(string) ([]byte, error){
			"hex": hex.DecodeString, "base64": base64.StdEncoding.DecodeString, "base64url": base64.RawURLEncoding.DecodeString,
		} {
			// A token is bound to what the field says, and to nothing else.
			if octets, err := decode(field); err == nil && len(octets) == sha256.Size && !strings.ContainsAny(field, "\r\n") {
				member := []byte(`"` + base64.RawURLEncoding.EncodeToString(octets) + `"`)
				got := confirm(t, c, from(proxy, field), member)
				require.NotEqual(t, another, got, name)
			}
		}
	})
}

// A client chooses the names in its certificate. Envoy escapes the quotes of the subject, and
// writes the other names as they are.
func FuzzXFCC(f *testing.F) {
	mine, victim, proxyOwn := newCertificate(f).Leaf.Raw, newCertificate(f).Leaf.Raw, newCertificate(f).Leaf.Raw
	hash := "Hash=" + strings.Repeat("0", 64)
	for _, seed := range []string{"", "spiffe://x", "x;" + hash, "x," + hash + ";URI=" + gateway, `",` + hash, `\`, `\",` + hash, "URI=" + gateway} {
		f.Add(seed, seed)
	}
	behind := "," + xfcc(proxyOwn, "", gateway)
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	c := newChecker(f, mtls.Config{Source: mtls.FromXFCC, TrustedIdentities: []string{gateway}})
	f.Fuzz(func(t *testing.T, subject, uri string) {
		stand := strings.NewReplacer(strings.Repeat("0", 64), fingerprint(victim)) // the fuzzer knows zeros only
		field := xfcc(mine, escape.Replace(stand.Replace(subject)), stand.Replace(uri))
		for _, value := range []string{field, field + behind} {
			require.NotEmpty(t, confirm(t, c, from(proxy, value), boundTo(victim)), "%q", value)
			require.NotEmpty(t, confirm(t, c, from(proxy, value), boundTo(proxyOwn)), "%q", value)
		}
		_ = confirm(t, c, from(proxy, uri), boundTo(mine)) // does not panic
	})
}
