package fetch

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestIsPublic(t *testing.T) {
	public := []string{
		"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "169.253.1.1",
		"198.17.255.255", "223.255.255.255", "168.63.129.15",
		"2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
	}
	for _, text := range public {
		assert.True(t, isPublic(netip.MustParseAddr(text)), text)
	}
	notPublic := map[string]string{
		"0.0.0.0":            "unspecified",
		"0.1.2.3":            "this network",
		"10.0.0.1":           "private",
		"100.64.0.1":         "carrier-grade NAT",
		"100.100.100.200":    "Alibaba's metadata service",
		"127.0.0.1":          "loopback",
		"127.255.255.254":    "loopback",
		"168.63.129.16":      "Azure's host services",
		"169.254.169.254":    "link-local: the metadata service",
		"172.16.0.1":         "private",
		"172.31.255.255":     "private",
		"192.0.0.192":        "protocol assignments: Oracle's metadata service",
		"192.0.2.1":          "documentation",
		"192.168.1.1":        "private",
		"198.18.0.1":         "benchmarking",
		"198.51.100.1":       "documentation",
		"203.0.113.1":        "documentation",
		"224.0.0.1":          "multicast",
		"239.255.255.255":    "multicast",
		"240.0.0.1":          "reserved",
		"255.255.255.255":    "broadcast",
		"::":                 "unspecified",
		"::1":                "loopback",
		"::127.0.0.1":        "IPv4-compatible",
		"::ffff:127.0.0.1":   "IPv4-mapped loopback",
		"::ffff:10.0.0.1":    "IPv4-mapped private",
		"::ffff:a9fe:a9fe":   "IPv4-mapped metadata service",
		"64:ff9b::a00:1":     "NAT64 of a private address",
		"64:ff9b::a9fe:a9fe": "NAT64 of the metadata service",
		"64:ff9b:1::1":       "local NAT64",
		"100::1":             "discard",
		"2001::1":            "Teredo",
		"2001:db8::1":        "documentation",
		"2002:a00:1::":       "6to4 of a private address",
		"3fff::1":            "documentation",
		"5f00::1":            "segment routing",
		"fc00::1":            "unique local",
		"fd00:ec2::254":      "unique local: the metadata service",
		"fe80::1":            "link-local",
		"fe80::1%eth0":       "link-local with a zone",
		"fec0::1":            "site-local",
		"ff02::1":            "multicast",
		"2606:4700::1%eth0":  "public, but with a zone",
	}
	for text, why := range notPublic {
		assert.False(t, isPublic(netip.MustParseAddr(text)), "%s: %s", text, why)
	}
	assert.False(t, isPublic(netip.Addr{}))
}
