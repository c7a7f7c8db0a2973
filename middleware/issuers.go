package middleware

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/redact"
	"github.com/bearerguard/bearerguard/jwks"
)

// The fetches of keys in flight for all issuers together are at least and at most so many.
const (
	minFetches = 16
	maxFetches = 512
)

// verifier returns the Verifier to use, or everything that is wrong with the issuers. It returns
// the fetching of their keys as well, unless the Verifier is another one.
func (c *Config) verifier() (Verifier, *fetching, []error) {
	switch own, ok := c.Verifier.(*claims.Verifier); {
	case ok && own == nil:
		return nil, nil, []error{errors.New("middleware: invalid Config.Verifier: a nil *claims.Verifier")}
	case c.Verifier != nil:
		return c.Verifier, nil, nil
	}
	fetching, issuers, problems := c.issuers()
	if len(issuers) == 0 && c.Tenants == nil {
		return nil, nil, problems // check has reported that there are no issuers
	}
	config := claims.Config{
		Issuers: issuers, CacheEntries: c.CacheEntries,
		MaxTokenBytes: min(max(c.MaxTokenBytes, 0), 1<<20), // check has reported other values
	}
	if c.Tenants != nil {
		config.Resolve = c.Tenants.Resolve
	}
	v, err := claims.NewVerifier(config)
	if err != nil {
		problems = append(problems, err)
	}
	return v, fetching, problems
}

// issuers returns a copy of the configured issuers, each with keys, and the fetching of these.
func (c *Config) issuers() (*fetching, []claims.Issuer, []error) {
	var problems mistakes
	fetching, err := c.fetching()
	if c.hasIssuer() && c.Issuers == nil {
		single, mistakes := c.singleIssuer(fetching, err)
		return fetching, single, mistakes
	}
	problems.report(err != nil, ": %w", err)
	issuers, more := fetching.complete("Config.Issuers", c.Issuers)
	return fetching, issuers, append(problems, more...)
}

// complete returns a copy of the issuers, each with keys, and what is wrong with them. name is what
// the caller knows the list by.
func (f *fetching) complete(name string, list []claims.Issuer) ([]claims.Issuer, []error) {
	var problems mistakes
	issuers := slices.Clone(list)
	for n := range issuers {
		issuer, field := &issuers[n], fmt.Sprintf("%s[%d]", name, n)
		problems = append(problems, checkAlgorithms(field, issuer)...)
		if !getsKeys(issuer) {
			continue
		}
		keys, err := f.keys(issuer.URL, issuer.JWKSURL)
		source, value := address("URL", issuer.URL, issuer.JWKSURL)
		problems.reportIn(field, err != nil, ".%s %q: %w", source, redact.URL(value), err)
		issuer.Keys, issuer.JWKSURL = keys, ""
	}
	return issuers, problems
}

// getsKeys reports whether New makes a cache of keys for the issuer.
func getsKeys(issuer *claims.Issuer) bool {
	if issuer.Keys != nil {
		return false
	}
	if opaque := reflect.ValueOf(issuer.Opaque); issuer.JWKSURL != "" || !opaque.IsValid() ||
		opaque.Kind() == reflect.Pointer && opaque.IsNil() { // claims.NewVerifier reports it
		return true
	}
	_, _, _, jwts := issuer.Opaque.Tokens()
	return jwts
}

// checkAlgorithms reports algorithms that the keys never serve. Every token would be refused.
func checkAlgorithms(field string, issuer *claims.Issuer) []error {
	var problems mistakes
	n := slices.IndexFunc(issuer.Algorithms, func(a string) bool { return strings.HasPrefix(a, "HS") })
	switch issuer.Keys.(type) {
	case nil:
		if n >= 0 {
			problems.reportIn(field, true, ".Algorithms %q: an HMAC secret is never fetched; set Keys to jwks.NewSecrets",
				issuer.Algorithms[n])
		}
	case *jwks.Cache, *jwks.Static:
		if n >= 0 {
			problems.reportIn(field, true, ".Algorithms %q: a %T never has an HMAC secret; set Keys to jwks.NewSecrets",
				issuer.Algorithms[n], issuer.Keys)
		}
	case *jwks.Secrets:
		problems.reportIn(field, n < 0, ".Algorithms %q: Keys is a jwks.Secrets; list the Algorithm of its secrets, such as HS256",
			issuer.Algorithms)
	}
	return problems
}

// singleIssuer returns the issuer of the fields that go with Issuer. To find all mistakes, it
// completes what it has reported.
func (c *Config) singleIssuer(fetching *fetching, broken error) ([]claims.Issuer, []error) {
	var problems mistakes
	problems.report(c.Issuer == "", ".Issuer \"\": it goes with Audiences")
	audiences := c.Audiences
	if len(audiences) == 0 || slices.Contains(audiences, "") {
		problems.report(true, ".Audiences %q: at least one is required, and none may be empty", audiences)
		audiences = []string{"reported"}
	}
	name, value := address("Issuer", c.Issuer, c.JWKSURL)
	if value == "" {
		return nil, problems
	}
	problems.report(broken != nil, ": %w", broken)
	keys, err := fetching.keys(c.Issuer, c.JWKSURL)
	problems.report(err != nil, ".%s %q: %w", name, redact.URL(value), err)
	if c.Issuer == "" {
		return nil, problems
	}
	return []claims.Issuer{{
		URL: c.Issuer, Audiences: audiences, Keys: keys,
		RequiredClaims: c.RequiredClaims, Leeway: c.Leeway, Validate: c.Validate,
	}}, problems
}

// address returns the field that the keys are fetched from, and its value.
func address(field, issuer, jwksURL string) (name, value string) {
	if jwksURL != "" {
		return "JWKSURL", jwksURL
	}
	return field, issuer
}

// A keyAddress is where a key cache gets its keys from.
type keyAddress struct{ issuer, jwksURL string }

// addresses returns the addresses that were configured by hand.
func (c *Config) addresses() map[keyAddress]bool {
	addresses := map[keyAddress]bool{{c.Issuer, c.JWKSURL}: true}
	for i := range c.Issuers {
		addresses[keyAddress{c.Issuers[i].URL, c.Issuers[i].JWKSURL}] = true
	}
	return addresses
}

// A fetching makes the caches of all issuers.
type fetching struct {
	common  jwks.Config // without an address
	broken  bool        // common has mistakes, which are reported once
	observe func(issuer, cause, result string, took time.Duration)

	caches  map[keyAddress]*jwks.Cache // that are used now
	byHand  map[keyAddress]bool        // the addresses of the Config; nil while New runs
	fetches int                        // the size of common.FetchLimit; 0 if the Config has it
}

// makeRoom makes the limit large enough for so many caches. Caches that exist keep theirs, so
// it at least doubles: all limits together stay below twice the last one.
func (f *fetching) makeRoom(caches int) {
	if f.fetches == 0 || caches <= f.fetches || f.fetches == maxFetches {
		return
	}
	f.fetches = min(max(caches, 2*f.fetches), maxFetches)
	f.common.FetchLimit = jwks.NewFetchLimit(f.fetches)
}

func countFetched(issuers []claims.Issuer) (n int) {
	for i := range issuers {
		if getsKeys(&issuers[i]) {
			n++
		}
	}
	return n
}

// fetching returns what all caches have in common, or what is wrong with it.
func (c *Config) fetching() (*fetching, error) {
	f := &fetching{common: jwks.Config{
		Client: c.Client, InsecureHTTPHosts: slices.Clone(c.InsecureHTTPHosts), PrivateHosts: slices.Clone(c.PrivateHosts),
		AllowRedirects: c.AllowRedirects, FetchLimit: c.FetchLimit, Logger: c.Logger,
		OnWait: c.ObserveWait,
	}, observe: c.ObserveFetch, caches: make(map[keyAddress]*jwks.Cache)}
	if c.FetchLimit == nil {
		f.fetches = min(max(countFetched(c.Issuers), minFetches), maxFetches)
		f.common.FetchLimit = jwks.NewFetchLimit(f.fetches)
	}
	trial := f.common
	trial.Issuer = "https://issuer.invalid"
	_, err := jwks.New(trial)
	f.broken = err != nil
	return f, err
}

var errDiscoveryAddress = errors.New("it is the address of a discovery document; leave it empty, " +
	"or write the jwks_uri that the document has")

// keys returns a cache. On an error it also returns a key set without keys, so that the rest
// of the issuer can be checked.
func (f *fetching) keys(issuer, jwksURL string) (claims.KeySet, error) {
	for _, document := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		if strings.Contains(jwksURL, document) {
			return noKeys{}, errDiscoveryAddress
		}
	}
	at := keyAddress{issuer, jwksURL}
	switch cache := f.caches[at]; {
	case f.broken:
		return noKeys{}, nil
	case cache != nil:
		return cache, nil
	}
	config := f.common
	config.Issuer, config.URL = issuer, jwksURL
	if f.byHand != nil && !f.byHand[at] {
		config.PublicOnly, config.AllowRedirects = true, false
	}
	if f.observe != nil {
		config.OnFetch = func(cause, result string, took time.Duration) { f.observe(issuer, cause, result, took) }
	}
	cache, err := jwks.New(config)
	if err != nil {
		return noKeys{}, err
	}
	f.caches[at] = cache
	return cache, nil
}

type noKeys struct{}

func (noKeys) Keys(context.Context, string, string) ([]claims.Key, error) {
	return nil, claims.ErrKeysUnavailable
}
