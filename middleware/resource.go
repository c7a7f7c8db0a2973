package middleware

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// metadataURL returns the URL that RFC 9728 section 3.1 forms of a resource identifier
// that New has checked: the well-known path between the host and what follows it, less
// the slash that is all of a path. It returns "" for "".
func metadataURL(resource string) string {
	if resource == "" {
		return ""
	}
	scheme, host, _ := strings.Cut(resource, "://")
	rest := ""
	if end := strings.IndexAny(host, "/?"); end >= 0 {
		host, rest = host[:end], host[end:]
	}
	if rest == "/" || strings.HasPrefix(rest, "/?") {
		rest = rest[1:]
	}
	return scheme + "://" + host + metadataPath + rest
}

// publishedServers returns the issuers for the metadata.
func (c *Config) publishedServers() []string {
	if c.AuthorizationServers != nil {
		return slices.Clone(c.AuthorizationServers)
	}
	return c.issuerURLs()
}

func (c *Config) issuerURLs() []string {
	if c.Issuer != "" {
		return []string{c.Issuer}
	}
	var urls []string
	for _, issuer := range c.Issuers {
		urls = append(urls, issuer.URL)
	}
	return urls
}

// checkServers reports what is wrong with AuthorizationServers. A list that names what
// is not trusted would send clients away for tokens that are then refused.
func (c *Config) checkServers() []error {
	var problems []error
	report := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf("middleware: invalid Config.AuthorizationServers "+format, args...))
		}
	}
	list := c.AuthorizationServers
	report(list != nil && len(list) == 0, "%q: at least one is required", list)
	report(len(list) > 0 && c.Resource == "", "%q: they go with Resource only", list)
	for _, server := range list {
		report(c.Verifier == nil && !slices.Contains(c.issuerURLs(), server), "%q: it is none of the issuers", server)
		if c.Verifier != nil {
			err := checkServer(server, nil)
			report(err != nil, "%q: %w", server, err)
		}
	}
	return problems
}

// checkServer holds an issuer that clients are sent to RFC 8414 section 2.
func checkServer(issuer string, insecureHosts []string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "":
		return errors.New("it is not a URL with a host")
	case u.User != nil || strings.ContainsAny(issuer, "?#"):
		return errors.New("it may have neither user information nor a query or a fragment")
	case u.Scheme == "http" && slices.ContainsFunc(insecureHosts, func(host string) bool {
		return strings.EqualFold(host, u.Hostname())
	}):
		return nil
	}
	return checkPublicURL(issuer)
}

// checkPublicURL reports what is wrong with a URL that clients are shown, if there is one.
func checkPublicURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("it is not a URL")
	case strings.ContainsFunc(s, unprintable) || strings.ContainsAny(s, ` "\`):
		return errors.New("a character has to be percent-encoded")
	case u.Hostname() == "" || u.User != nil || strings.Contains(s, "#"):
		return errors.New("it needs a host, and neither user information nor a fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return errors.New("https is required")
	}
	return nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
