package mtls_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/mtls"
)

const (
	untrusted = "the certificate's field is not from a trusted proxy"
	several   = "the request has several fields for the certificate"
	malformed = "the certificate's field is malformed"
	elements  = "not exactly one element of the certificate's field is of a client"
	another   = "the token is bound to another certificate"
)

// STANDARDS section 8: every source, with a right, a wrong, a spoofed and a broken field.
func TestEverySource(t *testing.T) {
	mine, other := newCertificate(t).Leaf.Raw, newCertificate(t).Leaf.Raw
	for _, tt := range []struct {
		format string
		source mtls.Source
		write  func(der []byte) string
	}{
		{"RFC 9440", mtls.FromClientCert, clientCert},
		{"Envoy", mtls.FromXFCC, func(der []byte) string { return "Hash=" + fingerprint(der) }},
		{"nginx", mtls.FromEscapedPEM, nginx},
		{"ALB, verified", mtls.FromEscapedPEM, func(der []byte) string { return alb(der) }},
		{"fingerprint", mtls.FromFingerprint, fingerprint},
	} {
		t.Run(tt.format, func(t *testing.T) {
			var spoofed atomic.Uint64
			c := newChecker(t, mtls.Config{Source: tt.source, Spoofed: &spoofed})
			right, wrong := tt.write(mine), tt.write(other)
			for _, row := range []struct {
				rule, peer string
				fields     []string
				want       string
			}{
				{"right", proxy, []string{right}, ""},
				{"right, over IPv6", "[2001:db8::1]:80", []string{right}, ""},
				{"right, over a link with a zone", "[2001:db8::1%eth0]:80", []string{right}, ""},
				{"right, over IPv4 in IPv6", "[::ffff:10.0.3.7]:80", []string{right}, ""},
				{"wrong", proxy, []string{wrong}, another},
				{"none", proxy, nil, "no certificate"},
				{"none, as an empty field", proxy, []string{""}, "no certificate"},
				{"two fields", proxy, []string{right, wrong}, several},
				{"two equal fields", proxy, []string{right, right}, several},
				{"two fields in one", proxy, []string{right + "," + right}, map[bool]string{true: elements, false: malformed}[tt.source == mtls.FromXFCC]},
				{"spoofed peer", stranger, []string{right}, untrusted},
				{"spoofed peer, two fields", stranger, []string{right, right}, untrusted},
				{"peer without a port", "10.0.3.7", []string{right}, untrusted},
				{"peer of a unix socket", "@", []string{right}, untrusted},
				{"no peer", "", []string{right}, untrusted},
				{"trailing garbage", proxy, []string{right + "x"}, malformed},
				{"trailing line break", proxy, []string{right + "\n"}, malformed},
				{"leading garbage", proxy, []string{"=" + right}, malformed},
				{"a line break within", proxy, []string{right[:20] + "\n" + right[20:]}, malformed},
				{"cut", proxy, []string{right[:len(right)/2]}, malformed},
				{"too long", proxy, []string{right + strings.Repeat(" ", 16<<10)}, "the certificate's field is too long"},
			} {
				assert.Equal(t, row.want, confirm(t, c, from(row.peer, row.fields...), boundTo(mine)), row.rule)
			}
			assert.EqualValues(t, 5, spoofed.Load(), "fields from strangers are counted")
			assert.Equal(t, "no certificate", confirm(t, c, mtls.Request{RemoteAddr: proxy}, boundTo(mine)), "no fields at all")
			assert.Equal(t, "no certificate", confirm(t, c, mtls.Request{RemoteAddr: proxy, PeerCertificates: parsed(t, mine)}, boundTo(mine)),
				"the certificate of the connection is another source")
		})
	}
	t.Run("TLS", func(t *testing.T) {
		c := newChecker(t, mtls.Config{Source: mtls.FromTLS})
		assert.Empty(t, confirm(t, c, mtls.Request{PeerCertificates: parsed(t, mine, other)}, boundTo(mine)))
		assert.Equal(t, another, confirm(t, c, mtls.Request{PeerCertificates: parsed(t, other, mine)}, boundTo(mine)), "only the leaf")
		assert.Equal(t, "no certificate", confirm(t, c, mtls.Request{}, boundTo(mine)))
		assert.Equal(t, "no certificate", confirm(t, c, mtls.Request{PeerCertificates: []*x509.Certificate{nil}}, boundTo(mine)))
		assert.Equal(t, "no certificate", confirm(t, c, from(proxy, clientCert(mine)), boundTo(mine)), "a field is another source")
	})
}

func parsed(t *testing.T, ders ...[]byte) (all []*x509.Certificate) {
	t.Helper()
	for _, der := range ders {
		certificate, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		all = append(all, certificate)
	}
	return all
}

// What is special to a format.
func TestFormats(t *testing.T) {
	mine, other := newCertificate(t).Leaf.Raw, newCertificate(t).Leaf.Raw
	hash := sha256.Sum256(mine)
	standard := base64.StdEncoding.EncodeToString(hash[:])
	for _, tt := range []struct {
		rule   string
		source mtls.Source
		field  string
		want   string
	}{
		{"without colons (RFC 9440 section 2.1)", mtls.FromClientCert, base64.StdEncoding.EncodeToString(mine), malformed},
		{"one colon", mtls.FromClientCert, clientCert(mine)[1:], malformed},
		{"no colon at the end", mtls.FromClientCert, strings.TrimSuffix(clientCert(mine), ":"), malformed},
		{"only a colon", mtls.FromClientCert, ":", malformed},
		{"nothing between the colons", mtls.FromClientCert, "::", malformed},
		{"parameters (RFC 8941 section 3.1.2)", mtls.FromClientCert, clientCert(mine) + ";a=b", malformed},
		{"base64url", mtls.FromClientCert, ":" + base64.URLEncoding.EncodeToString([]byte("\xff\xff\xff")) + ":", malformed},
		{"without padding", mtls.FromClientCert, ":" + base64.RawStdEncoding.EncodeToString([]byte("x")) + ":", malformed},
		{"URL-encoded PEM (another format)", mtls.FromClientCert, nginx(mine), malformed},

		{"chain, the client's first (RFC 8446 section 4.4.2)", mtls.FromEscapedPEM, alb(mine, other), ""},
		{"chain, the client's behind", mtls.FromEscapedPEM, alb(other, mine), another},
		{"chain, the second one is broken", mtls.FromEscapedPEM, alb(mine) + alb(other)[4:], malformed},
		{"chain, no line break between", mtls.FromEscapedPEM, strings.TrimSuffix(alb(mine), "%0A") + alb(other), malformed},
		{"no first line", mtls.FromEscapedPEM, strings.TrimPrefix(nginx(mine), "-----BEGIN%20CERTIFICATE-----%0A"), malformed},
		{"no last line", mtls.FromEscapedPEM, strings.TrimSuffix(nginx(mine), "%0A-----END%20CERTIFICATE-----%0A"), malformed},
		{"no line break at the end", mtls.FromEscapedPEM, strings.TrimSuffix(nginx(mine), "%0A"), ""},
		{"two line breaks at the end", mtls.FromEscapedPEM, nginx(mine) + "%0A", malformed},
		{"hexadecimal digits in lower case", mtls.FromEscapedPEM, strings.NewReplacer("%0A", "%0a", "%2B", "%2b", "%2F", "%2f", "%3D", "%3d").Replace(nginx(mine)), ""},
		{"another kind of PEM", mtls.FromEscapedPEM, strings.ReplaceAll(nginx(mine), "CERTIFICATE", "PUBLIC%20KEY"), malformed},
		{"no certificate within", mtls.FromEscapedPEM, nginx(nil), malformed},
		{"broken escape at the end", mtls.FromEscapedPEM, nginx(mine) + "%", malformed},
		{"broken escape", mtls.FromEscapedPEM, "%zz" + nginx(mine), malformed},
		{"encoded twice", mtls.FromEscapedPEM, strings.ReplaceAll(nginx(mine), "%", "%25"), malformed},

		{"hexadecimal digits in upper case", mtls.FromFingerprint, strings.ToUpper(fingerprint(mine)), ""},
		{"base64", mtls.FromFingerprint, standard, ""},
		{"base64url, as in the token", mtls.FromFingerprint, base64.RawURLEncoding.EncodeToString(hash[:]), ""},
		{"base64 without padding", mtls.FromFingerprint, base64.RawStdEncoding.EncodeToString(bytes.Repeat([]byte{255}, 32)), malformed},
		{"base64url with padding", mtls.FromFingerprint, base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{255}, 32)), malformed},
		{"SHA-1", mtls.FromFingerprint, fingerprint(mine)[:40], malformed},
		{"colons between", mtls.FromFingerprint, "AB:" + fingerprint(mine)[3:], malformed},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			assert.Equal(t, tt.want, confirm(t, newChecker(t, mtls.Config{Source: tt.source}), from(proxy, tt.field), boundTo(mine)))
		})
	}
}

// RFC 8705 section 3.1: a base64url string without padding.
func TestMemberOfTheToken(t *testing.T) {
	c, mine := newChecker(t, mtls.Config{Source: mtls.FromClientCert}), newCertificate(t).Leaf.Raw
	good := string(boundTo(mine))
	for rule, member := range map[string]string{
		"padding": good[:len(good)-1] + `="`, "a line break": good[:9] + `\n` + good[9:], "no string": good[1 : len(good)-1],
		"a number": "1", "empty": `""`, "null": "null", "an array": "[" + good + "]", "nothing": "", "longer": good[:len(good)-1] + `A"`,
	} {
		assert.Equal(t, another, confirm(t, c, from(proxy, clientCert(mine)), []byte(member)), rule)
	}
	assert.Empty(t, confirm(t, c, from(proxy, clientCert(mine)), []byte(good)))
}

// What package middleware remembers must not count for another peer, certificate or field.
func TestProofsAreEqualForOneCertificateOfOnePeer(t *testing.T) {
	mine, other := parsed(t, newCertificate(t).Leaf.Raw), parsed(t, newCertificate(t).Leaf.Raw)
	field, connection := newChecker(t, mtls.Config{Source: mtls.FromClientCert}), newChecker(t, mtls.Config{Source: mtls.FromTLS})
	shown := func(certificates []*x509.Certificate, peer string) mtls.Request {
		return mtls.Request{PeerCertificates: certificates, RemoteAddr: peer}
	}
	assert.True(t, field.Proof(from(proxy, "a")) == field.Proof(from(proxy, "a")))
	assert.False(t, field.Proof(from(proxy, "a")) == field.Proof(from(proxy, "b")))
	assert.False(t, field.Proof(from(proxy, "a")) == field.Proof(from("10.0.3.8:1", "a")))
	assert.False(t, field.Proof(from(proxy, "a")) == field.Proof(from(stranger, "a")))
	assert.False(t, field.Proof(from(proxy, "a")) == field.Proof(from(proxy, "a", "a")))
	assert.False(t, field.Proof(from(proxy, "a")) == newChecker(t, mtls.Config{Source: mtls.FromClientCert}).Proof(from(proxy, "a")))
	assert.True(t, connection.Proof(shown(mine, proxy)) == connection.Proof(shown(mine, proxy)))
	assert.False(t, connection.Proof(shown(mine, proxy)) == connection.Proof(shown(other, proxy)))
	assert.False(t, connection.Proof(shown(mine, proxy)) == connection.Proof(shown(mine, stranger)))
}
