package middleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

const (
	defaultMaxTokenBytes = 16 << 10
	defaultRealm         = "api"

	// maxFetches bounds the fetches of keys in flight, for all issuers together.
	maxFetches = 16
)

// A Config says which tokens a [Middleware] accepts, and how it answers. Exactly one of
// these is required: Issuer with Audiences, Issuers, or Verifier. [New] copies the Config.
type Config struct {
	_ [0]func() // written with field names

	// Issuer is the exact iss of the tokens, byte for byte: a trailing slash is part of
	// it. Its keys are found by discovery, unless JWKSURL is set.
	Issuer string

	// Audiences are the identifiers of this API, at least one with Issuer. The aud of a
	// token must have one of them.
	Audiences []string

	// JWKSURL is where Issuer publishes its keys, for an issuer without discovery. It can
	// only be set with Issuer.
	JWKSURL string

	// Issuers are one or more issuers, each with its own settings. An issuer whose Keys is
	// nil gets a jwks.Cache, by discovery from its URL. At most 16 fetches of these caches
	// are in flight at once.
	Issuers []claims.Issuer

	// Verifier replaces the one that New makes. It may be a *claims.Verifier, or a fake
	// in a test.
	Verifier Verifier

	// Client fetches keys. Set it for a private certificate authority or a proxy. It
	// defaults to the client of jwks.Config.
	Client *http.Client

	// InsecureHTTPHosts are hosts whose keys may be fetched over plain http, such as an
	// issuer inside a cluster. An attacker who controls the network in between can forge
	// tokens. Loopback needs no entry.
	InsecureHTTPHosts []string

	// MaxTokenBytes is the length of the longest token that is read. A longer one is
	// refused with a 401. It defaults to 16 KiB and is at most 1 MiB. net/http limits the
	// whole header of a request, to 1 MiB by default.
	MaxTokenBytes int

	// Realm is the realm of the challenges, in printable ASCII. It defaults to "api".
	Realm string

	// Resource is this API's resource identifier (RFC 9728 section 1.2): the https URL by
	// which clients know it, byte for byte, or http on loopback, without a fragment. A
	// client names it to the authorization server, so it should be one of the Audiences as
	// well (RFC 8707 section 2). It is not derived from the Audiences, nor from a
	// request's Host, which the sender chooses.
	//
	// If set, every challenge names the URL of its metadata, which
	// Middleware.ResourceMetadata publishes.
	Resource string

	// ResourceMetadataURL is the URL of this API's protected resource metadata, for every
	// challenge (RFC 9728 section 5.1). It is an https URL, or http on loopback. It
	// defaults to the URL that RFC 9728 section 3.1 forms from Resource. Without either
	// field, challenges name no metadata.
	ResourceMetadataURL string

	// AuthorizationServers are the issuers that Middleware.ResourceMetadata publishes. They
	// default to all configured issuers, in that order. Set it if not all of them should
	// be public, such as a list of tenants, and with a Verifier, whose issuers are not
	// known. It can only be set with Resource.
	AuthorizationServers []string

	// Logger receives every refusal at debug level, and at most one warning in 10 seconds
	// while requests cannot be decided. No line has any part of a token, or the error of a
	// hook or policy, which may have one: hooks and policies must log their own failures.
	// The key caches that New makes log their changes to it as well. It defaults to what
	// slog.Default returns when a line is logged.
	Logger *slog.Logger

	// ErrorHandler, if set, answers in place of WriteError for Handler, Optional, Require
	// and Refuse: with a page, or a body of another format. The header already has the
	// challenge or Retry-After. The status is err.Status, unless the ErrorHandler sets
	// another one of 400 and more: http.ServeContent and redirects set none, and the
	// connection cannot be hijacked. The request has no Range and no preconditions. If the
	// ErrorHandler writes nothing, WriteError answers. It may call WriteError, but not
	// Refuse, which would call it again.
	//
	// err is for logs and decisions. Its text, and the text of what it wraps, must not be
	// sent to callers.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err *Error)
}

// check reports what is wrong with c, except for its issuers.
func (c *Config) check() []error {
	var problems []error
	report := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf("middleware: invalid Config"+format, args...))
		}
	}
	one, several, verifier := c.hasIssuer(), c.Issuers != nil, c.Verifier != nil
	report(!one && !several && !verifier, ": one of Issuer with Audiences, Issuers, and Verifier is required")
	report(one && several || several && verifier || verifier && one,
		": only one of Issuer with Audiences, Issuers, and Verifier can be set")
	report(several && len(c.Issuers) == 0, ".Issuers: at least one is required")
	report(c.JWKSURL != "" && !one, ".JWKSURL %q: it goes with Issuer only", c.JWKSURL)
	fetches := one || slices.ContainsFunc(c.Issuers, func(i claims.Issuer) bool { return i.Keys == nil })
	report(c.Client != nil && !fetches, ".Client: no keys are fetched, so it would have no effect")
	report(len(c.InsecureHTTPHosts) > 0 && !fetches,
		".InsecureHTTPHosts: no keys are fetched, so they would have no effect")
	report(c.MaxTokenBytes < 0 || c.MaxTokenBytes > 1<<20,
		".MaxTokenBytes %d: it is not between 0 and 1 MiB", c.MaxTokenBytes)
	report(strings.ContainsFunc(c.Realm, unprintable), ".Realm %q: it must be printable ASCII", c.Realm)
	err := checkPublicURL(c.ResourceMetadataURL)
	report(err != nil, ".ResourceMetadataURL %q: %w", c.ResourceMetadataURL, err)
	err = checkPublicURL(c.Resource)
	report(err != nil, ".Resource %q: %w", c.Resource, err)
	return append(problems, c.checkServers()...)
}

func (c *Config) hasIssuer() bool { return c.Issuer != "" || c.Audiences != nil }

func unprintable(r rune) bool { return r < ' ' || r > '~' }

// verifier returns the Verifier to use, or everything that is wrong with the issuers.
func (c *Config) verifier() (Verifier, []error) {
	switch own, ok := c.Verifier.(*claims.Verifier); {
	case ok && own == nil:
		return nil, []error{errors.New("middleware: invalid Config.Verifier: a nil *claims.Verifier")}
	case c.Verifier != nil:
		return c.Verifier, nil
	}
	issuers, problems := c.issuers()
	if len(issuers) == 0 {
		return nil, problems // check has reported that there are no issuers
	}
	maxTokenBytes := min(max(c.MaxTokenBytes, 0), 1<<20) // check has reported other values
	v, err := claims.NewVerifier(claims.Config{Issuers: issuers, MaxTokenBytes: maxTokenBytes})
	if err != nil {
		problems = append(problems, err)
	}
	return v, problems
}

// issuers returns a copy of the configured issuers, each with keys.
func (c *Config) issuers() ([]claims.Issuer, []error) {
	if c.hasIssuer() && c.Issuers == nil {
		return c.singleIssuer()
	}
	var problems []error
	limit := jwks.NewFetchLimit(maxFetches)
	issuers := slices.Clone(c.Issuers)
	for n := range issuers {
		if issuers[n].Keys != nil {
			continue
		}
		for _, algorithm := range issuers[n].Algorithms {
			if strings.HasPrefix(algorithm, "HS") {
				problems = append(problems, fmt.Errorf("middleware: invalid Config.Issuers[%d].Algorithms %q: "+
					"an HMAC secret is never fetched; set Keys", n, algorithm))
			}
		}
		keys, err := c.fetchedKeys(issuers[n].URL, "", limit)
		if err != nil {
			problems = append(problems, fmt.Errorf("middleware: invalid Config.Issuers[%d].URL %q: %w", n, issuers[n].URL, err))
		}
		issuers[n].Keys = keys
	}
	return issuers, problems
}

func (c *Config) singleIssuer() ([]claims.Issuer, []error) {
	var problems []error
	if c.Issuer == "" {
		problems = append(problems, errors.New("middleware: invalid Config.Issuer \"\": it goes with Audiences"))
	}
	if len(c.Audiences) == 0 || slices.Contains(c.Audiences, "") {
		problems = append(problems, fmt.Errorf(
			"middleware: invalid Config.Audiences %q: at least one is required, and none may be empty", c.Audiences))
	}
	field, value := "Issuer", c.Issuer
	if c.JWKSURL != "" {
		field, value = "JWKSURL", c.JWKSURL
	}
	if value == "" {
		return nil, problems
	}
	keys, err := c.fetchedKeys(c.Issuer, c.JWKSURL, jwks.NewFetchLimit(maxFetches))
	if err != nil {
		problems = append(problems, fmt.Errorf("middleware: invalid Config.%s %q: %w", field, value, err))
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return []claims.Issuer{{URL: c.Issuer, Audiences: c.Audiences, Keys: keys}}, nil
}

// fetchedKeys returns a cache. On an error it also returns a key set without keys, so that
// the rest of the issuer can be checked.
func (c *Config) fetchedKeys(issuer, jwksURL string, limit *jwks.FetchLimit) (claims.KeySet, error) {
	cache, err := jwks.New(jwks.Config{
		Issuer: issuer, URL: jwksURL, Client: c.Client, InsecureHTTPHosts: c.InsecureHTTPHosts,
		Logger: c.Logger, FetchLimit: limit,
	})
	if err != nil {
		return noKeys{}, err
	}
	return cache, nil
}

type noKeys struct{}

func (noKeys) Keys(context.Context, string, string) ([]claims.Key, error) {
	return nil, claims.ErrKeysUnavailable
}
