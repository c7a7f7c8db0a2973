package fetch

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSameHost(t *testing.T) {
	for _, pair := range [][2]string{
		{"a.example", "A.Example"}, {"a.example", "a.example."}, {"::1", "[::1]"}, {"::1", "0:0::1"}, {"10.0.0.1", "::ffff:10.0.0.1"},
	} {
		assert.True(t, sameHost(pair[0], pair[1]), pair)
	}
	for _, pair := range [][2]string{{"a.example", "b.example"}, {"a.example", "xa.example"}, {"", ""}, {"10.0.0.1", "10.0.0.2"}} {
		assert.False(t, sameHost(pair[0], pair[1]), pair)
	}
}

// A proxy, or a RoundTripper of the caller, resolves names itself. So what is known to be private
// must not get there.
func TestSpellingsOfPrivateAddressesAreRefusedUnresolved(t *testing.T) {
	h := NewHosts("https://issuer.example", nil, []string{"127.1"})
	for _, host := range []string{
		"127.0.0.1", "127.0.0.1.", "127.2", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "10.1", "[::1]", "[::ffff:10.0.0.1]",
		"localhost", "LOCALHOST.", "x.localhost", "x.LocalHost.", "169.254.169.254",
	} {
		assert.ErrorIs(t, h.CheckNamed("https://"+host+"/keys"), ErrNotPublic, host)
	}
	for _, host := range []string{"8.8.8.8", "[2606:4700:4700::1111]", "a.example", "1.example", "127.0.0.1.example.", "localhost.example", "127.1"} {
		assert.NoError(t, h.CheckNamed("https://"+host+"/keys"), host)
	}
}

func TestPublicOnlyTrustsOnlyNamedHosts(t *testing.T) {
	h := NewHosts("https://issuer.example", []string{"plain.example"}, []string{"10.0.0.1"})
	assert.True(t, h.trusts("issuer.example"))
	assert.True(t, h.MayUseHTTP("localhost"))
	h = h.PublicOnly()
	assert.False(t, h.trusts("issuer.example"))
	assert.False(t, h.trusts("localhost"))
	assert.True(t, h.trusts("10.0.0.1"))
	assert.False(t, h.MayUseHTTP("localhost"))
	assert.True(t, h.MayUseHTTP("plain.example"))
	assert.Error(t, h.CheckNamed("https://127.0.0.1/"))
}

// FuzzCheckNamed checks that no spelling of a URL gets around the rules. A resolver reads addresses
// that netip does not: a C library takes 127.1, and each part can be octal or hexadecimal.
func FuzzCheckNamed(f *testing.F) {
	for _, seed := range []string{
		"https://a.example/keys", "https://8.8.8.8", "https://[2606:4700:4700::1111]:8443/", "https://127.1/", "https://0x7f.1/", "https://017700000001",
		"https://a@127.0.0.1/", "https://a.example\\@127.0.0.1/", "https://[::ffff:7f00:1]/", "https://[fe80::1%25eth0]/", "HTTPS://LOCALHOST./",
		"https://%31%32%37.0.0.1/", "https://127。0。0。1/", "//127.0.0.1", "https:127.0.0.1",
	} {
		f.Add(seed)
	}
	h := NewHosts("https://issuer.example", nil, nil)
	f.Fuzz(func(t *testing.T, raw string) {
		if h.CheckNamed(raw) != nil {
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Hostname() == "" {
			t.Fatalf("accepted %q: %v", raw, err)
		}
		host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
		addr, err := netip.ParseAddr(host)
		last := host[strings.LastIndex(host, ".")+1:]
		switch {
		case err == nil && !isPublic(addr), host == "localhost", strings.HasSuffix(host, ".localhost"):
			t.Fatalf("accepted %q, which is private", raw)
		case err != nil && last != "" && strings.Trim(last[:1], "0123456789") == "":
			t.Fatalf("accepted %q, which a resolver can read as an address", raw)
		}
	})
}
