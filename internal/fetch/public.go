package fetch

import (
	"net/netip"
	"slices"
)

// notPublic4 are multicast, and the networks of the IANA IPv4 Special-Purpose Address
// Registry (RFC 6890) that are not globally reachable.
var notPublic4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32", // Azure's virtual host services, on an address that looks public
)

// Of IPv6 only global unicast is public, less the networks that carry an IPv4 address
// (Teredo, 6to4) or are for documentation. Unique-local, link-local, multicast and loopback
// addresses are outside 2000::/3.
var (
	public6    = netip.MustParsePrefix("2000::/3")
	notPublic6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// nat64 is how an IPv6-only network reaches IPv4 (RFC 6052 section 2.1).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// isPublic reports whether addr is a public unicast address. An address with a zone is in no
// prefix, so it is not public. A NAT64 address is public if the IPv4 address in its last
// four bytes is.
func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap()
	if nat64.Contains(addr) {
		bytes := addr.As16()
		addr = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	contains := func(p netip.Prefix) bool { return p.Contains(addr) }
	if addr.Is4() {
		return !slices.ContainsFunc(notPublic4, contains)
	}
	return public6.Contains(addr) && !slices.ContainsFunc(notPublic6, contains)
}
