package mtls_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/middleware/mtls"
)

func TestXFCC(t *testing.T) {
	mine, other, proxyOwn := newCertificate(t).Leaf.Raw, newCertificate(t).Leaf.Raw, newCertificate(t).Leaf.Raw
	hash := "Hash=" + fingerprint(mine)
	client, hop := xfcc(mine, "CN=x", "spiffe://client"), xfcc(proxyOwn, "", gateway)
	for _, tt := range []struct {
		rule, field, want string
	}{
		{"only a hash", hash, ""},
		{"hash in upper case", strings.ToUpper(hash), ""},
		{"key in another case", "hASH=" + fingerprint(mine), ""},
		{"a quoted hash", `Hash="` + fingerprint(mine) + `"`, ""},
		{"white space behind the comma", client + ", \t" + hop, ""},
		{"a sidecar's element behind", client + "," + hop, ""},
		{"two of them", client + "," + hop + "," + hop, ""},
		{"empty keys", "By=;" + hash + ";Subject=\"\";URI=", ""},
		{"an equals sign in a value", hash + ";URI=https://x/?a=b", ""},

		{"another client's element before", xfcc(other, "", "spiffe://other") + "," + client, elements},
		{"another client's element behind", client + "," + xfcc(other, "", "spiffe://other"), elements},
		{"a proxy's element before", hop + "," + client, elements},
		{"only proxies", hop + "," + hop, elements},
		{"the identity in another key", client + ",By=" + gateway + ";Hash=" + fingerprint(proxyOwn), elements},
		{"the identity of two", client + ",Hash=" + fingerprint(proxyOwn) + ";URI=" + gateway + ";URI=" + gateway, elements},
		{"the identity in another case", client + ",Hash=" + fingerprint(proxyOwn) + ";URI=" + strings.ToUpper(gateway), elements},
		{"the identity and more", client + ",Hash=" + fingerprint(proxyOwn) + ";URI=" + gateway + "2", elements},

		{"hash in a quoted subject", `By=x;Subject="CN=x;` + hash + `"`, "the client's element of the certificate's field has no Hash"},
		{"hash in a quoted subject beside another", "Hash=" + fingerprint(other) + `;Subject="CN=x;` + hash + `"`, another},
		{"hash behind an escaped quote", "Hash=" + fingerprint(other) + `;Subject="CN=\";` + hash + `;A=\""`, another},
		{"backslash before the closing quote", `Subject="CN=x\\";` + hash, ""},
		{"hash behind an escaped backslash", "Hash=" + fingerprint(other) + `;Subject="CN=\\";` + hash, malformed},
		{"two hashes", hash + ";" + hash, malformed},
		{"two hashes in two cases", hash + ";h" + hash[1:], malformed},

		{"no hash", "By=x;URI=y", "the client's element of the certificate's field has no Hash"},
		{"short hash", hash[:len(hash)-2], malformed},
		{"long hash", hash + "00", malformed},
		{"odd hash", hash[:len(hash)-1] + "g", malformed},
		{"empty hash", "Hash=", malformed},
		{"white space before the hash", "Hash= " + fingerprint(mine), malformed},
		{"trailing garbage", client + "x,", malformed},
		{"trailing comma", client + ",", malformed},
		{"trailing semicolon", client + ";", malformed},
		{"leading comma", "," + client, malformed},
		{"no key", "=x;" + hash, malformed},
		{"no equals sign", "By;" + hash, malformed},
		{"key with a space", "Ha sh=x;" + hash, malformed},
		{"key that is not ASCII", "Haſh=" + fingerprint(mine), malformed},
		{"open quote", hash + `;Subject="CN=x`, malformed},
		{"open quote behind a backslash", hash + `;Subject="CN=x\`, malformed},
		{"text behind a quote", hash + `;Subject="CN"x`, malformed},
		{"a pair behind a quote", `Subject="CN"x` + hash, malformed},
		{"quote within a value", hash + `;URI=x"y"`, malformed},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			c := newChecker(t, mtls.Config{Source: mtls.FromXFCC, TrustedIdentities: []string{gateway}})
			assert.Equal(t, tt.want, confirm(t, c, from(proxy, tt.field), boundTo(mine)))
		})
	}
	t.Run("no identity is trusted", func(t *testing.T) {
		c := newChecker(t, mtls.Config{Source: mtls.FromXFCC})
		assert.Equal(t, elements, confirm(t, c, from(proxy, client+","+hop), boundTo(mine)))
		assert.Empty(t, confirm(t, c, from(proxy, hop), boundTo(proxyOwn)))
	})
}

// Envoy does not quote the names of a certificate that a client has made itself. Whatever they
// are, the element is that of the client's own certificate.
func TestNamesCannotShowAnotherCertificate(t *testing.T) {
	mine, victim := newCertificate(t).Leaf.Raw, newCertificate(t).Leaf.Raw
	hash := "Hash=" + fingerprint(victim)
	for _, name := range []string{
		"x;" + hash, "x," + hash, "x,By=spiffe://api;" + hash + ";URI=y", "," + hash + ";URI=" + gateway, "x;" + hash + ";URI=" + gateway,
		gateway + "," + hash, `"`, `x";` + hash, `",` + hash, `"x",` + hash, "x;URI=" + gateway + "," + hash,
	} {
		for rule, behind := range map[string]string{"alone": "", "behind a gateway": "," + xfcc(newCertificate(t).Leaf.Raw, "", gateway)} {
			c := newChecker(t, mtls.Config{Source: mtls.FromXFCC, TrustedIdentities: []string{gateway}})
			field := xfcc(mine, "CN=x", name) + behind
			assert.NotEmpty(t, confirm(t, c, from(proxy, field), boundTo(victim)), "%s: %s", rule, name)
		}
	}
}
