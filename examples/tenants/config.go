package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// A config is the configuration that the environment gives.
type config struct {
	addr, adminAddr             string
	issuersFile                 string        // empty: no file
	reloadEvery                 time.Duration // 0: the default of issuerfile
	patterns                    []string      // empty: nothing is looked up
	ttl                         time.Duration // 0: the library's default
	privateHosts, insecureHosts []string
}

// configFrom reads the configuration from the environment. Its error has all problems at once. An
// empty variable counts as unset.
func configFrom(getenv func(string) string) (config, error) {
	var problems []error
	check := func(name string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	c := config{
		addr: getenv("ADDR"), adminAddr: getenv("ADMIN_ADDR"),
		issuersFile: getenv("ISSUERS_FILE"), patterns: list(getenv("TENANT_PATTERNS")),
		privateHosts: list(getenv("PRIVATE_HOSTS")), insecureHosts: list(getenv("INSECURE_HTTP_HOSTS")),
	}
	if c.addr == "" {
		c.addr = "127.0.0.1:8080"
	}
	_, _, err := net.SplitHostPort(c.addr)
	check("ADDR", err)
	check("ADMIN_ADDR", c.checkAdmin())
	c.reloadEvery, err = duration(getenv("RELOAD_EVERY"))
	check("RELOAD_EVERY", err)
	c.ttl, err = duration(getenv("TENANT_TTL"))
	check("TENANT_TTL", err)
	if c.issuersFile == "" && c.patterns == nil {
		check("ISSUERS_FILE", errors.New("it is required, unless TENANT_PATTERNS is set"))
	}
	return c, errors.Join(problems...)
}

// checkAdmin demands loopback for the table of tenants: anyone who reaches it decides whose tokens
// are accepted.
func (c *config) checkAdmin() error {
	if c.adminAddr == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.adminAddr)
	if err != nil {
		return err
	}
	addr, err := netip.ParseAddr(host)
	if c.patterns != nil && (err != nil || !addr.IsLoopback()) {
		return fmt.Errorf("%q is not a loopback address such as 127.0.0.1, which TENANT_PATTERNS needs", host)
	}
	return nil
}

func duration(value string) (time.Duration, error) {
	if value == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%q is not positive", value)
	}
	return d, err
}

// list returns the parts between the commas, or nil.
func list(value string) []string {
	if value == "" {
		return nil
	}
	parts := strings.Split(value, ",")
	for n := range parts {
		parts[n] = strings.TrimSpace(parts[n])
	}
	return parts
}
