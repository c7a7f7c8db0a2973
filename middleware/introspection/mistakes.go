package introspection

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/internal/fetch"
	"github.com/bearerguard/bearerguard/internal/redact"
)

// mistakes are what is wrong with a Config.
type mistakes []error

func (m *mistakes) report(bad bool, format string, args ...any) {
	if bad {
		*m = append(*m, fmt.Errorf("introspection: invalid Config."+format, args...))
	}
}

// check returns all mistakes in one error.
func (c *Config) check() error {
	var problems mistakes
	c.checkEndpoint(&problems)
	c.checkTokens(&problems)
	c.checkAuthentication(&problems)
	c.checkAnswers(&problems)
	c.checkBounds(&problems)
	hasTransport := c.Client != nil && c.Client.Transport != nil
	problems.report(c.RootCAs != nil && hasTransport, "RootCAs: set them in the Transport of Client, which is used")
	problems.report(c.Certificate != nil && hasTransport,
		"Certificate: set it in the Transport of Client, which is used, and MutualTLS instead")
	problems.report(c.MutualTLS && !hasTransport, "MutualTLS: it goes with a Client whose Transport has a certificate; or set Certificate")
	return errors.Join(problems...)
}

func (c *Config) checkEndpoint(problems *mistakes) {
	for _, host := range c.InsecureHTTPHosts {
		problems.report(!fetch.IsHostname(host),
			"InsecureHTTPHosts: an entry is not a host name or IP address without scheme, port and path")
	}
	u, err := url.Parse(c.Endpoint)
	switch {
	case c.Endpoint == "":
		problems.report(true, "Endpoint: it is required")
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		problems.report(true, "Endpoint: it is not an https URL") // not quoted: it can hold a password
	case u.User != nil:
		problems.report(true, "Endpoint: a user name is not allowed; use ClientID and ClientSecret")
	case strings.Contains(c.Endpoint, "#"):
		problems.report(true, "Endpoint %q: a fragment is not allowed", withoutQuery(c.Endpoint))
	case u.Scheme == "http" && !fetch.NewHosts(c.Endpoint, c.InsecureHTTPHosts, nil).MayUseHTTP(u.Hostname()):
		problems.report(true, "Endpoint %q: https is required; to allow http, name the host in InsecureHTTPHosts", withoutQuery(c.Endpoint))
	}
	problems.report((c.Certificate != nil || c.MutualTLS) && err == nil && u.Scheme == "http",
		"Endpoint %q: https is required, because the client authenticates by its certificate", withoutQuery(c.Endpoint))
}

// withoutQuery returns a URL for logs. Some endpoints have a key in their query, and a mistake can be
// a password in front of the host.
func withoutQuery(endpoint string) string {
	shown, _, _ := strings.Cut(endpoint, "?")
	return redact.URL(shown)
}

func (c *Config) checkTokens(problems *mistakes) {
	problems.report(strings.Trim(c.Prefix, tokenBytes) != "", "Prefix %q: no token has such a character (RFC 6750 section 2.1)", c.Prefix)
	problems.report(c.MinBytes < 0, "MinBytes %d: it is negative", c.MinBytes)
	problems.report(c.MaxBytes < 0 || c.MaxBytes > maxMaxBytes, "MaxBytes %d: it is not between 0 and 16 KiB", c.MaxBytes)
	shortest, longest := c.lengths()
	problems.report(shortest > longest || len(c.Prefix) > longest, "MaxBytes %d: no token is so short; MinBytes is %d", longest, shortest)
	problems.report(c.OnlyJWT && c.AlsoJWT, "OnlyJWT: it includes AlsoJWT; set one of them")
	problems.report(c.OnlyJWT && (c.Prefix != "" || c.MinBytes != 0 || c.MaxBytes != 0),
		"OnlyJWT: no opaque token is introspected, so Prefix, MinBytes and MaxBytes would have no effect")
}

// tokenBytes are those of a b64token (RFC 6750 section 2.1).
const tokenBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

// lengths returns MinBytes and MaxBytes with their defaults.
func (c *Config) lengths() (shortest, longest int) {
	return cmp.Or(c.MinBytes, defaultMinBytes), cmp.Or(c.MaxBytes, defaultMaxBytes)
}

// responseAlgorithms are those that ResponseAlgorithms can have.
var responseAlgorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
}

func (c *Config) checkAnswers(problems *mistakes) {
	problems.report(c.ResponseAlgorithms != nil && len(c.ResponseAlgorithms) == 0, "ResponseAlgorithms: it is empty but not nil")
	for _, alg := range c.ResponseAlgorithms {
		problems.report(!slices.Contains(responseAlgorithms, alg), "ResponseAlgorithms: %q is not supported: write one of %q", alg, responseAlgorithms)
	}
	signed := c.ResponseAlgorithms != nil
	problems.report(signed && isNil(c.ResponseKeys), "ResponseKeys: they are required with ResponseAlgorithms")
	problems.report(!signed && c.ResponseKeys != nil, "ResponseKeys: without ResponseAlgorithms they have no effect")
	problems.report(signed && c.ClientID == "", "ClientID: it is required with ResponseAlgorithms, as the aud of answers (RFC 9701 section 5)")
}

func (c *Config) checkBounds(problems *mistakes) {
	problems.report(c.TTL > maxTTL, "TTL %v: it is more than %v", c.TTL, maxTTL)
	problems.report(c.StaleIfError < 0 || c.StaleIfError > maxTTL, "StaleIfError %v: it is not between 0 and %v", c.StaleIfError, maxTTL)
	problems.report(c.Timeout < 0 || c.Timeout > maxTimeout, "Timeout %v: it is not between 0 and %v", c.Timeout, maxTimeout)
	for _, n := range []struct {
		field       string
		value, most int
	}{
		{"CacheEntries", c.CacheEntries, maxEntries},
		{"MaxInFlight", c.MaxInFlight, maxInFlight},
		{"UnknownPerSecond", c.UnknownPerSecond, maxRate},
	} {
		problems.report(n.value < 0 || n.value > n.most, "%s %d: it is not between 0 and %d", n.field, n.value, n.most)
	}
	problems.report(c.MaxInFlight == 1 || c.MaxInFlight == 2 && c.AlsoJWT,
		"MaxInFlight %d: no request would be left for tokens that were accepted before: at least 2 are needed, and 3 with AlsoJWT", c.MaxInFlight)
}
