package mtls

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"sync/atomic"
)

// A Source says where the client's certificate is found. There is exactly one: behind a
// proxy, the certificate of the connection is the proxy's own.
type Source int

// The sources. All but FromTLS are the formats of a header field that a proxy sets.
const (
	_ Source = iota

	// FromTLS is the certificate of the TLS connection that the request came on.
	FromTLS

	// FromClientCert is the field of RFC 9440, Client-Cert: the certificate in base64 between
	// two colons.
	FromClientCert

	// FromXFCC is the field of Envoy and Istio, X-Forwarded-Client-Cert. Its Hash is used. See
	// Config.TrustedIdentities.
	FromXFCC

	// FromEscapedPEM is the certificate as URL-encoded PEM, as nginx ($ssl_client_escaped_cert)
	// and AWS load balancers send it. If there are several, the first is the client's.
	FromEscapedPEM

	// FromFingerprint is only the SHA-256 of the certificate: 64 hexadecimal digits, or base64
	// with padding, or base64url without.
	FromFingerprint
)

// A Config says where the client's certificate is found. Source is required, and with a field of
// a proxy TrustedProxies are. [New] copies the Config.
type Config struct {
	_ [0]func() // written with field names

	// Source is where the certificate is found. There is no default, and no second place.
	Source Source

	// Header is the name of the field, for all sources but FromTLS. It defaults to Client-Cert
	// for FromClientCert, and to X-Forwarded-Client-Cert for FromXFCC.
	Header string

	// TrustedProxies are the addresses of the proxies that set the field, at least one for all
	// sources but FromTLS. They are compared with the address of the connection. From any other
	// address, the field is ignored. No prefix may be wider than 10.0.0.0/8 or fc00::/7, or have
	// bits of an address behind its length, as 10.0.3.7/24 has.
	TrustedProxies []netip.Prefix

	// TrustedIdentities are URIs in the certificates of proxies, such as
	// "spiffe://cluster.local/ns/istio-system/sa/gateway", for FromXFCC. Each proxy can append an
	// element for its own client, which can be another proxy. Such elements are passed over,
	// from the right. Exactly one element must be left: what clients write into the field, or
	// into the names of a certificate, adds others.
	TrustedIdentities []string

	// Required refuses tokens that are not bound to a certificate, too.
	Required bool

	// Spoofed, if set, counts the requests with the field from an address that is no trusted
	// proxy. Its Load method reads it. The Status of a Checker and the metrics have the count also
	// without it. If it grows, a stranger guesses, or TrustedProxies lacks a proxy.
	Spoofed *atomic.Uint64
}

// New returns a Checker, or an error that reports every mistake in config. It makes no request
// and starts no goroutine.
func New(config Config) (*Checker, error) {
	var problems mistakes
	problems.report(config.Source < FromTLS || config.Source > FromFingerprint,
		"Source %d: write FromTLS, or the format of the field that your proxy sets", config.Source)
	if config.Source == FromTLS {
		config.checkTLS(&problems)
	} else {
		config.checkProxies(&problems)
	}
	config.checkIdentities(&problems)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return &Checker{
		source:     config.Source,
		header:     textproto.CanonicalMIMEHeaderKey(config.header()),
		proxies:    slices.Clone(config.TrustedProxies),
		identities: slices.Clone(config.TrustedIdentities),
		required:   config.Required,
		spoofed:    cmp.Or(config.Spoofed, new(atomic.Uint64)),
	}, nil
}

// header returns the name of the field, or "".
func (c *Config) header() string {
	switch {
	case c.Header != "":
		return c.Header
	case c.Source == FromClientCert:
		return "Client-Cert"
	case c.Source == FromXFCC:
		return "X-Forwarded-Client-Cert"
	}
	return ""
}

// checkTLS reports the fields that have no effect without a proxy.
func (c *Config) checkTLS(problems *mistakes) {
	problems.report(c.Header != "", "Header %q: it has no effect with FromTLS", c.Header)
	problems.report(len(c.TrustedProxies) > 0, "TrustedProxies %v: they have no effect with FromTLS, "+
		"which would take the certificate of the proxy for the client's", c.TrustedProxies)
	problems.report(c.Spoofed != nil, "Spoofed: it has no effect with FromTLS")
}

// checkProxies reports what is wrong with the field of a proxy. A field that is trusted from
// everywhere proves nothing.
func (c *Config) checkProxies(problems *mistakes) {
	known := c.Source >= FromTLS && c.Source <= FromFingerprint
	problems.report(known && c.header() == "", "Header \"\": write the name of the field that your proxy sets")
	problems.report(strings.ContainsFunc(c.Header, notInToken), "Header %q: it is not the name of a field", c.Header)
	problems.report(known && len(c.TrustedProxies) == 0,
		"TrustedProxies %v: write the addresses of your proxies; other senders can set the field, too", c.TrustedProxies)
	for _, prefix := range c.TrustedProxies {
		switch {
		case !prefix.IsValid():
			problems.report(true, "TrustedProxies: a prefix is not valid; make it with netip.ParsePrefix")
		case prefix.Addr().Is4In6():
			problems.report(true, "TrustedProxies %v: it matches no address; write the IPv4 prefix", prefix)
		case isWide(prefix):
			problems.report(true, "TrustedProxies %v: it is wider than every private network; write the addresses of your proxies", prefix)
		case prefix != prefix.Masked():
			problems.report(true, "TrustedProxies %v: an address or a network? Write %v, or %v for all of the network",
				prefix, netip.PrefixFrom(prefix.Addr(), prefix.Addr().BitLen()), prefix.Masked())
		}
	}
}

// isWide reports whether a prefix is wider than 10.0.0.0/8 or fc00::/7. Two halves of the internet
// are every address, too.
func isWide(prefix netip.Prefix) bool {
	return prefix.Bits() < 7 || prefix.Addr().Is4() && prefix.Bits() < 8
}

func (c *Config) checkIdentities(problems *mistakes) {
	problems.report(len(c.TrustedIdentities) > 0 && c.Source != FromXFCC,
		"TrustedIdentities %q: they go with FromXFCC only", c.TrustedIdentities)
	for _, identity := range c.TrustedIdentities {
		problems.report(!strings.Contains(identity, "://") || strings.ContainsAny(identity, "\",;\\ "),
			"TrustedIdentities %q: write a URI, such as \"spiffe://cluster.local/ns/x/sa/gateway\"", identity)
	}
}

// notInToken reports whether r cannot be in a field name (RFC 9110 section 5.6.2).
func notInToken(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// mistakes are what is wrong with a Config.
type mistakes []error

func (m *mistakes) report(bad bool, format string, args ...any) {
	if bad {
		*m = append(*m, fmt.Errorf("mtls: invalid Config."+format, args...))
	}
}
