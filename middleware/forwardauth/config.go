package forwardauth

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
)

// A Format says where a gateway writes the method and the target of the client's request. A
// Handler reads one format, and never the fields of another.
type Format int

// The formats. There is no default.
const (
	_ Format = iota

	// Nginx are the fields X-Original-Method and X-Original-URI, which the configuration of
	// nginx must set: auth_request has no fields of its own.
	Nginx

	// XForwarded are the fields X-Forwarded-Method and X-Forwarded-Uri. Caddy (forward_auth) and
	// Traefik (ForwardAuth) set them.
	XForwarded

	// Envoy are the method and the target of the gateway's own request, without Config.Prefix:
	// Envoy's ext_authz over HTTP repeats those of the client.
	Envoy
)

// A Config says which requests a [Handler] answers, and how. Format, TrustedProxies and Routes
// are required. [New] copies the Config.
type Config struct {
	_ [0]func() // written with field names

	// Format is where the gateway writes the method and target of the client's request.
	Format Format

	// TrustedProxies are the addresses of the gateways, at least one. They are compared with the
	// address of the connection. A request from any other address is a 403, and logged: what it
	// says of a client's request does not count. No prefix may be wider than 10.0.0.0/8 or
	// fc00::/7, or have bits of an address behind its length, as 10.0.3.7/24 has.
	TrustedProxies []netip.Prefix

	// Prefix is the path_prefix of Envoy's http_service, such as "/authz". It goes with Envoy
	// only.
	Prefix string

	// Routes are the requests that clients can make, each with the Guard that decides about it.
	// Any other request is a 403, whatever its token.
	Routes []Route

	// Headers are the fields that tell the API who calls, by name, with what makes their values:
	//
	//	Headers: map[string]func(*claims.Claims) []string{
	//		"X-Auth-Subject": forwardauth.Claim("sub"),
	//		"X-Auth-Scopes":  (*claims.Claims).Scopes,
	//	}
	//
	// A sub is unique within its issuer: with several issuers, send iss as well. Several values
	// are joined with a space. If one of them is empty or has a character that is not visible
	// ASCII, the whole field is sent empty. A field is also empty if there is no value, and on an
	// optional route without a token.
	//
	// The values of all fields together have at most 2,048 bytes, because gateways bound the
	// header of an answer. If they have more, all fields are sent empty.
	//
	// The gateway must copy each field to the API's request, and remove what the client sent
	// under its name: see the documentation of the package. The functions must be safe for
	// concurrent use. The default is no field.
	Headers map[string]func(c *claims.Claims) []string

	// Logger receives the refusals of the Handler. Requests from an address that is no trusted
	// proxy are at most one warning in 10 seconds, and so are requests of a gateway that lack a
	// field. All others are at debug level. A line has the address of the connection, and no byte
	// of a field. It defaults to what slog.Default returns when a line is logged. What a Guard
	// refuses is logged by its Middleware.
	Logger *slog.Logger
}

// New returns a Handler, or an error that reports every mistake in config. It makes no request
// and starts no goroutine.
func New(config Config) (*Handler, error) {
	var problems mistakes
	problems.report(config.Format < Nginx || config.Format > Envoy,
		"Format %d: write Nginx, XForwarded (for Caddy and Traefik) or Envoy", config.Format)
	config.checkProxies(&problems)
	config.checkPrefix(&problems)
	h := &Handler{
		format:  config.Format,
		prefix:  config.Prefix,
		proxies: slices.Clone(config.TrustedProxies),
		fields:  config.fields(&problems),
		logger:  config.Logger,

		untrusted: newRefusal(http.StatusForbidden, errUntrusted, slog.LevelWarn),
		unset:     newRefusal(http.StatusBadRequest, errUnset, slog.LevelWarn),
		malformed: newRefusal(http.StatusBadRequest, errMalformed, slog.LevelDebug),
		unlisted:  newRefusal(http.StatusForbidden, errUnlisted, slog.LevelDebug),
		upgrading: newRefusal(http.StatusBadRequest, errUpgrading, slog.LevelDebug),
	}
	h.table = newTable(config.Routes, http.HandlerFunc(h.allow), &problems)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return h, nil
}

// checkProxies reports what is wrong with the addresses of the gateways. Fields that are trusted
// from everywhere let each client choose the route that is checked.
func (c *Config) checkProxies(problems *mistakes) {
	problems.report(len(c.TrustedProxies) == 0, "TrustedProxies %v: write the addresses of your gateways", c.TrustedProxies)
	for _, prefix := range c.TrustedProxies {
		switch {
		case !prefix.IsValid():
			problems.report(true, "TrustedProxies: a prefix is not valid; make it with netip.ParsePrefix")
		case prefix.Addr().Is4In6():
			problems.report(true, "TrustedProxies %v: it matches no address; write the IPv4 prefix", prefix)
		case isWide(prefix):
			problems.report(true, "TrustedProxies %v: it is wider than every private network; write the addresses of your gateways", prefix)
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

func (c *Config) checkPrefix(problems *mistakes) {
	switch {
	case c.Prefix == "":
	case c.Format != Envoy:
		problems.report(true, "Prefix %q: it goes with Envoy only", c.Prefix)
	case !isNormalPath(c.Prefix), strings.HasSuffix(c.Prefix, "/"):
		problems.report(true, "Prefix %q: write a path in normal form, without a slash at its end", c.Prefix)
	}
}

// fields returns the fields of Config.Headers, by canonical names in their order.
func (c *Config) fields(problems *mistakes) []field {
	var all []field
	size := 0
	for name, values := range c.Headers {
		size += len(name) + len(": \r\n")
		problems.report(!isFieldName(name), "Headers %q: write letters, digits and hyphens", name)
		problems.report(isReserved(name), "Headers %q: clients, gateways or answers use this field for something else", name)
		problems.report(values == nil, "Headers %q: it has no function; write Claim(\"sub\")", name)
		all = append(all, field{http.CanonicalHeaderKey(name), values})
	}
	problems.report(size > maxNamesBytes, "Headers: their lines have more than %d bytes without the values; gateways bound a header", maxNamesBytes)
	slices.SortFunc(all, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	for n := 1; n < len(all); n++ {
		problems.report(all[n].name == all[n-1].name, "Headers %q: it is a duplicate: case does not matter", all[n].name)
	}
	return all
}

// mistakes are what is wrong with a Config.
type mistakes []error

func (m *mistakes) report(bad bool, format string, args ...any) {
	if bad {
		*m = append(*m, fmt.Errorf("forwardauth: invalid Config."+format, args...))
	}
}
