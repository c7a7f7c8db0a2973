package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// A config is the configuration that the environment gives.
type config struct {
	addr         string
	metricsAddr  string        // empty: not served
	issuer       claims.Issuer // without its keys
	refreshAfter time.Duration // 0: the library's default
	dpop         *dpop.Config  // nil: bound tokens are refused
	store        do            // nil: nothing is shared with other processes
	mtls         *mtls.Config  // nil: tokens that are bound to a certificate are refused; no variable sets it
}

// configFrom reads the configuration from the environment. Its error has all problems at
// once. An empty variable counts as unset.
func configFrom(getenv func(string) string) (config, error) {
	var problems []error
	check := func(err error) { problems = append(problems, err) }

	c := config{addr: getenv("ADDR")}
	if c.addr == "" {
		c.addr = "127.0.0.1:8080"
	}
	_, _, err := net.SplitHostPort(c.addr)
	check(variable("ADDR", err))
	c.metricsAddr = getenv("METRICS_ADDR")
	if c.metricsAddr != "" {
		_, _, err = net.SplitHostPort(c.metricsAddr)
		check(variable("METRICS_ADDR", err))
	}

	c.issuer.URL = getenv("ISSUER_URL")
	check(variable("ISSUER_URL", checkIssuer(c.issuer.URL)))
	c.issuer.Audiences = []string{getenv("AUDIENCE")}
	check(variable("AUDIENCE", required(c.issuer.Audiences[0])))

	c.issuer.ScopeClaims, err = scopeClaims(getenv("SCOPE_CLAIM"))
	check(variable("SCOPE_CLAIM", err))
	c.refreshAfter, err = refreshAfter(getenv("JWKS_REFRESH"))
	check(variable("JWKS_REFRESH", err))
	c.issuer, err = withProfile(c.issuer, getenv("TOKEN_PROFILE"))
	check(variable("TOKEN_PROFILE", err))
	c.issuer.MaxLifetime, err = maxLifetime(getenv("MAX_LIFETIME"))
	check(variable("MAX_LIFETIME", err))
	c.store, err = redisAt(getenv("REDIS_URL"))
	check(variable("REDIS_URL", err))
	var more []error
	c.dpop, more = dpopFrom(getenv, c.addr, c.store)
	return c, errors.Join(append(problems, more...)...)
}

func variable(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

func required(value string) error {
	if value == "" {
		return errors.New("it is required")
	}
	return nil
}

func checkIssuer(issuer string) error {
	if err := required(issuer); err != nil {
		return err
	}
	_, err := jwks.New(jwks.Config{Issuer: issuer}) // makes no request
	return err
}

// scopeClaims returns the paths at which scopes can be, in order. The names of namespaced
// claims have dots, so a value with dots is first a name and then a path.
func scopeClaims(value string) ([][]string, error) {
	switch {
	case value == "":
		return nil, nil
	case strings.HasPrefix(value, "/"):
		path, err := jsonPointer(value)
		return [][]string{path}, err
	}
	paths := [][]string{{value}}
	if path := strings.Split(value, "."); len(path) > 1 && !slices.Contains(path, "") {
		paths = append(paths, path)
	}
	return paths, nil
}

// jsonPointer decodes the reference tokens of RFC 6901 section 4.
func jsonPointer(pointer string) ([]string, error) {
	path := strings.Split(pointer[1:], "/")
	for n, token := range path {
		name := strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		if name == "" {
			return nil, fmt.Errorf("%q has an empty name", pointer)
		}
		if strings.Count(token, "~") != strings.Count(token, "~0")+strings.Count(token, "~1") {
			return nil, fmt.Errorf("%q is not a JSON Pointer: 0 or 1 must follow each ~", pointer)
		}
		path[n] = name
	}
	return path, nil
}

func refreshAfter(value string) (time.Duration, error) {
	if value == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return 0, err
	}
	if d == 0 {
		return 0, fmt.Errorf("%q would mean the library's default; unset it", value)
	}
	_, err = jwks.New(jwks.Config{Issuer: "https://issuer.example", RefreshAfter: d})
	return d, err
}

func maxLifetime(value string) (time.Duration, error) {
	if value == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	if err == nil && d < time.Second {
		err = fmt.Errorf("%q is less than a second", value)
	}
	return d, err
}

func withProfile(issuer claims.Issuer, profile string) (claims.Issuer, error) {
	switch profile {
	case "", "generic":
		return issuer, nil
	case "rfc9068":
		return issuer.RFC9068(), nil
	}
	return issuer, fmt.Errorf("%q is neither generic nor rfc9068", profile)
}
