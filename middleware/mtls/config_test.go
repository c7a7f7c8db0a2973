package mtls_test

import (
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/mtls"
)

func TestMistakesInConfig(t *testing.T) {
	prefixes := func(all ...string) (list []netip.Prefix) {
		for _, s := range all {
			list = append(list, netip.MustParsePrefix(s))
		}
		return list
	}
	for _, tt := range []struct {
		rule   string
		config mtls.Config
		want   string
	}{
		{"nothing is configured", mtls.Config{}, "mtls: invalid Config.Source 0: write FromTLS, or the format of the field that your proxy sets"},
		{"unknown source", mtls.Config{Source: 99}, "mtls: invalid Config.Source 99: write FromTLS, or the format of the field that your proxy sets"},
		{
			"a field without trusted proxies",
			mtls.Config{Source: mtls.FromClientCert},
			"mtls: invalid Config.TrustedProxies []: write the addresses of your proxies; other senders can set the field, too",
		},
		{
			"a field without a name, and all else",
			mtls.Config{Source: mtls.FromEscapedPEM, TrustedIdentities: []string{"spiffe://x/y"}},
			"mtls: invalid Config.Header \"\": write the name of the field that your proxy sets\n" +
				"mtls: invalid Config.TrustedProxies []: write the addresses of your proxies; other senders can set the field, too\n" +
				"mtls: invalid Config.TrustedIdentities [\"spiffe://x/y\"]: they go with FromXFCC only",
		},
		{
			"no name of a field",
			mtls.Config{Source: mtls.FromXFCC, Header: "X Cert:", TrustedProxies: proxies},
			`mtls: invalid Config.Header "X Cert:": it is not the name of a field`,
		},
		{
			"every address",
			mtls.Config{Source: mtls.FromXFCC, TrustedProxies: prefixes("10.0.0.0/8", "0.0.0.0/0", "::/0")},
			"mtls: invalid Config.TrustedProxies 0.0.0.0/0: it is wider than every private network; write the addresses of your proxies\n" +
				"mtls: invalid Config.TrustedProxies ::/0: it is wider than every private network; write the addresses of your proxies",
		},
		{
			"every address in two halves",
			mtls.Config{Source: mtls.FromXFCC, TrustedProxies: prefixes("0.0.0.0/1", "128.0.0.0/1", "8000::/1")},
			"mtls: invalid Config.TrustedProxies 0.0.0.0/1: it is wider than every private network; write the addresses of your proxies\n" +
				"mtls: invalid Config.TrustedProxies 128.0.0.0/1: it is wider than every private network; write the addresses of your proxies\n" +
				"mtls: invalid Config.TrustedProxies 8000::/1: it is wider than every private network; write the addresses of your proxies",
		},
		{
			"an address with the bits of its network",
			mtls.Config{Source: mtls.FromXFCC, TrustedProxies: prefixes("10.0.3.7/24", "fd00::1/8")},
			"mtls: invalid Config.TrustedProxies 10.0.3.7/24: an address or a network? Write 10.0.3.7/32, or 10.0.3.0/24 for all of the network\n" +
				"mtls: invalid Config.TrustedProxies fd00::1/8: an address or a network? Write fd00::1/128, or fd00::/8 for all of the network",
		},
		{
			"IPv4 in IPv6",
			mtls.Config{Source: mtls.FromXFCC, TrustedProxies: prefixes("::ffff:10.0.0.0/104")},
			"mtls: invalid Config.TrustedProxies ::ffff:10.0.0.0/104: it matches no address; write the IPv4 prefix",
		},
		{
			"the zero Prefix",
			mtls.Config{Source: mtls.FromXFCC, TrustedProxies: make([]netip.Prefix, 1)},
			"mtls: invalid Config.TrustedProxies: a prefix is not valid; make it with netip.ParsePrefix",
		},
		{
			"two sources",
			mtls.Config{Source: mtls.FromTLS, Header: "X-Client-Cert", TrustedProxies: prefixes("10.0.0.0/8"), Spoofed: new(atomic.Uint64)},
			"mtls: invalid Config.Header \"X-Client-Cert\": it has no effect with FromTLS\n" +
				"mtls: invalid Config.TrustedProxies [10.0.0.0/8]: they have no effect with FromTLS, which would take the certificate of the proxy for the client's\n" +
				"mtls: invalid Config.Spoofed: it has no effect with FromTLS",
		},
		{
			"an identity that is no URI",
			mtls.Config{Source: mtls.FromXFCC, TrustedProxies: proxies, TrustedIdentities: []string{"", gateway, "spiffe://a,b"}},
			"mtls: invalid Config.TrustedIdentities \"\": write a URI, such as \"spiffe://cluster.local/ns/x/sa/gateway\"\n" +
				"mtls: invalid Config.TrustedIdentities \"spiffe://a,b\": write a URI, such as \"spiffe://cluster.local/ns/x/sa/gateway\"",
		},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			c, err := mtls.New(tt.config)
			assert.Nil(t, c)
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestConfigIsCopied(t *testing.T) {
	certificate := newCertificate(t)
	config := mtls.Config{
		Source: mtls.FromXFCC, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")},
		TrustedIdentities: []string{gateway}, Required: true,
	}
	c, err := mtls.New(config)
	require.NoError(t, err)
	config.TrustedProxies[0], config.TrustedIdentities[0] = netip.MustParsePrefix("192.0.2.0/24"), "spiffe://other"
	field := xfcc(certificate.Leaf.Raw, "CN=x", "") + "," + xfcc(newCertificate(t).Leaf.Raw, "", gateway)
	assert.Empty(t, confirm(t, c, from(proxy, field), boundTo(certificate.Leaf.Raw)))
	assert.True(t, c.Required())
}

// The name of the field is looked up as net/http stores it.
func TestDefaultNames(t *testing.T) {
	for source, want := range map[mtls.Source]string{
		mtls.FromClientCert: "Client-Cert", mtls.FromXFCC: "X-Forwarded-Client-Cert",
		mtls.FromEscapedPEM: "X-Client-Cert", mtls.FromFingerprint: "X-Client-Cert",
	} {
		c, err := mtls.New(mtls.Config{Source: source, TrustedProxies: proxies, Header: map[bool]string{true: "x-client-cert"}[source > mtls.FromXFCC]})
		require.NoError(t, err)
		var asked []string
		c.Proof(mtls.Request{RemoteAddr: proxy, Fields: func(name string) []string {
			asked = append(asked, name)
			return nil
		}})
		assert.Equal(t, []string{want}, asked)
	}
}
