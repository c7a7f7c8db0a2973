package jwks

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/internal/fetch"
	"github.com/bearerguard/bearerguard/internal/redact"
)

// validate reports every mistake at once.
func (c Config) validate() error {
	var problems []error
	report := func(err error) { problems = append(problems, err) }
	report(checkHostList("InsecureHTTPHosts", c.InsecureHTTPHosts))
	report(checkHostList("PrivateHosts", c.PrivateHosts))
	report(c.validateAddresses())
	if c.PublicOnly && (c.AllowRedirects || c.Authorization != nil) {
		report(errors.New("jwks: invalid Config.PublicOnly: neither AllowRedirects nor Authorization can be set with it"))
	}
	report(c.validateDurations())
	if c.RootCAs != nil && c.Client != nil && c.Client.Transport != nil {
		report(errors.New("jwks: invalid Config.RootCAs: set them in the Transport of Client, which is used"))
	}
	if !c.SeedTime.IsZero() && c.Seed == nil {
		report(errors.New("jwks: invalid Config.SeedTime: it goes with Seed"))
	}
	if c.FetchLimit != nil && c.FetchLimit.slots == nil {
		report(errors.New("jwks: invalid Config.FetchLimit: make it with NewFetchLimit"))
	}
	return errors.Join(problems...)
}

func (c Config) validateAddresses() error {
	switch {
	case c.URL != "":
		return c.validateURL("URL", c.URL, true)
	case c.Issuer != "":
		return c.validateURL("Issuer", c.Issuer, false)
	}
	return errors.New("jwks: Config.Issuer or Config.URL is required")
}

// validateURL refuses a query in an issuer (RFC 8414 section 2).
func (c Config) validateURL(field, value string, query bool) error {
	invalid := func(problem string) error {
		return fmt.Errorf("jwks: invalid Config.%s %q: %s", field, redact.URL(value), problem)
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return invalid("not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return invalid("https is required")
	case u.Hostname() == "":
		return invalid("a host is required")
	case u.User != nil:
		return invalid("a user name is not allowed")
	case strings.Contains(value, "#"):
		return invalid("a fragment is not allowed")
	case !query && strings.Contains(value, "?"):
		return invalid("a query is not allowed")
	case u.Scheme == "http" && !c.hosts(value).MayUseHTTP(u.Hostname()):
		return invalid("https is required; to allow http, name the host in Config.InsecureHTTPHosts")
	}
	if c.PublicOnly {
		if err := c.hosts(value).CheckNamed(value); err != nil {
			return invalid(err.Error())
		}
	}
	return nil
}

func checkHostList(field string, hosts []string) error {
	var problems []error
	for _, host := range hosts {
		if !fetch.IsHostname(host) {
			problems = append(problems, fmt.Errorf(
				"jwks: invalid Config.%s entry %q: want a host name or IP address without scheme, port or path", field, redact.URL(host)))
		}
	}
	return errors.Join(problems...)
}

func (c Config) validateDurations() error {
	durations := []struct {
		field string
		value time.Duration
	}{
		{"RefreshAfter", c.RefreshAfter},
		{"StaleWhileRevalidate", c.StaleWhileRevalidate},
		{"MaxStale", c.MaxStale},
	}
	var problems []error
	for _, d := range durations {
		if d.value < 0 {
			problems = append(problems, fmt.Errorf("jwks: invalid Config.%s %v: negative", d.field, d.value))
		}
	}
	// A number without a unit is in nanoseconds.
	if c.RefreshAfter > 0 && c.RefreshAfter < minRefreshAfter {
		problems = append(problems, fmt.Errorf("jwks: invalid Config.RefreshAfter %v: less than %v", c.RefreshAfter, minRefreshAfter))
	}
	if c.RefreshAfter > maxFreshness {
		problems = append(problems, fmt.Errorf("jwks: invalid Config.RefreshAfter %v: more than %v", c.RefreshAfter, maxFreshness))
	}
	s := newSchedule(c.RefreshAfter, c.StaleWhileRevalidate, c.MaxStale)
	if problems == nil && s.maxStale-s.revalidate < s.refreshAfter {
		problems = append(problems, fmt.Errorf(
			"jwks: invalid Config.MaxStale %v: less than RefreshAfter %v plus StaleWhileRevalidate %v",
			s.maxStale, s.refreshAfter, s.revalidate))
	}
	return errors.Join(problems...)
}
