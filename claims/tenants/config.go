package tenants

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

const (
	defaultMaxTenants  = 1000
	defaultTTL         = 30 * time.Second
	defaultNegativeTTL = 10 * time.Second
	minTTL             = 10 * time.Millisecond
	maxTTL             = time.Hour
	maxMaxTenants      = 1_000_000
)

// A Config says which issuers are looked up, and for how long an answer counts. Patterns and
// Lookup are required. [New] copies the Config.
type Config struct {
	_ [0]func() // written with field names

	// Patterns are the issuers that are looked up, at least one. All others are refused.
	//
	//	https://login.example.com/realms/*     one segment of a path
	//	https://*.eu.auth0.com/                one label of a host
	//	https://*/                             any host with a dot in its name, no IP address
	//
	// All else is compared byte by byte with iss: a slash at the end is part of it. A star is
	// never empty. In a host it has lower-case letters, digits and hyphens; in a path also
	// upper-case ones and the marks _ ~ and a single dot. An iss of more than 512 bytes is not
	// looked up.
	Patterns []string

	// Lookup returns the issuer of the tenant that has exactly this iss, or false if there is
	// none. Its URL must be iss. If its Keys are nil, they are found by discovery, or at its
	// JWKSURL. An error means that this is not known: the answer is a 503. The text of the error
	// is not logged: Lookup must log its own failures.
	//
	// Lookup runs on a goroutine of its own, with the values of the context of a request that
	// waits for it. A request waits for at most 3 seconds; the context ends after 5. Lookup must
	// return then: until it does, or until Forget, the answer for this issuer is a 503, and other
	// issuers have one place less for their look-ups. Lookup must be safe for concurrent use. A
	// panic counts as an error, and is logged.
	Lookup func(ctx context.Context, iss string) (issuer claims.Issuer, found bool, err error)

	// Validate, if not nil, is called for each verified token of a tenant. It runs before the
	// Validate of its issuer: see claims.Issuer. An issuer with a hook of its own counts as changed
	// after each look-up, so that its remembered tokens are verified in full once more. One hook for
	// all tenants costs nothing. It must be safe for concurrent use.
	Validate func(ctx context.Context, c *claims.Claims) error

	// MaxTenants is how many tenants with a verified token are remembered. As many without one are
	// remembered besides. It defaults to 1,000 and is at most 1,000,000. If more are in use, some
	// are looked up, and their keys fetched, again and again.
	MaxTenants int

	// TTL is how long a tenant is used before it is looked up again. It defaults to 30 seconds,
	// and is between 10 milliseconds and one hour. A tenant that was removed is refused after that
	// time.
	TTL time.Duration

	// NegativeTTL is how long an iss without a tenant is refused without a look-up. It defaults
	// to 10 seconds, or to TTL if that is shorter, and is at most TTL. A new tenant can be
	// refused for that time.
	NegativeTTL time.Duration

	// Keys says how the keys of tenants are fetched. Issuer, URL, Seed, SeedTime and OnDocument
	// must not be set. PublicOnly always is. A Client whose Transport is no *http.Transport may
	// not keep the rule of PublicOnly: use WrapTransport instead. All tenants share one
	// FetchLimit, by default of MaxTenants, at least 16 and at most 512.
	Keys jwks.Config

	// Logger gets a warning for a tenant whose settings are not valid. If Lookup panics, it gets an
	// Error with the stack. Each comes at most once in 10 seconds. It defaults to slog.Default().
	Logger *slog.Logger
}

// New returns a Resolver, or an error that reports all mistakes in config. It makes no request
// and starts no goroutine, and nothing must be closed.
func New(config Config) (*Resolver, error) {
	problems := config.check()
	r := &Resolver{
		lookup: config.Lookup, validate: config.Validate, keys: config.Keys, logger: config.Logger,
		ttl:   orDefault(config.TTL, defaultTTL),
		slots: make(chan struct{}, maxLookups), renewals: make(chan struct{}, maxLookups), flights: make(map[string]*flight),
		bucket: bucket{level: bucketSize},
	}
	r.negativeTTL = orDefault(config.NegativeTTL, min(defaultNegativeTTL, r.ttl))
	r.store.init(orDefault(config.MaxTenants, defaultMaxTenants))
	for _, text := range config.Patterns {
		p, err := parsePattern(text, config.Keys.InsecureHTTPHosts)
		if err != nil {
			problems = append(problems, fmt.Errorf("tenants: invalid Config.Patterns %q: %w", text, err))
		}
		r.patterns = append(r.patterns, p)
	}
	r.keys.PublicOnly = true
	if r.keys.FetchLimit == nil {
		r.keys.FetchLimit = jwks.NewFetchLimit(min(max(r.store.used.max, 16), 512))
	}
	trial := r.keys
	trial.Issuer = "https://tenant.example"
	if _, err := jwks.New(trial); err != nil {
		problems = append(problems, fmt.Errorf("tenants: invalid Config.Keys: %w", err))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	r.keys.InsecureHTTPHosts, r.keys.PrivateHosts = slices.Clone(r.keys.InsecureHTTPHosts), slices.Clone(r.keys.PrivateHosts)
	return r, nil
}

func orDefault[T ~int | ~int64](value, fallback T) T {
	if value == 0 {
		return fallback
	}
	return value
}

func (c *Config) check() (problems []error) {
	report := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf("tenants: invalid Config."+format, args...))
		}
	}
	report(c.Lookup == nil, "Lookup: it is required")
	report(len(c.Patterns) == 0, "Patterns: at least one is required, because anyone can write any iss")
	report(c.MaxTenants < 0 || c.MaxTenants > maxMaxTenants, "MaxTenants %d: it is not between 0 and %d", c.MaxTenants, maxMaxTenants)
	// A number without a unit is in nanoseconds.
	report(c.TTL != 0 && (c.TTL < minTTL || c.TTL > maxTTL), "TTL %v: it is not between %v and %v", c.TTL, minTTL, maxTTL)
	report(c.NegativeTTL < 0 || c.NegativeTTL > orDefault(c.TTL, defaultTTL), "NegativeTTL %v: it is not between 0 and TTL", c.NegativeTTL)
	report(c.Keys.Issuer != "" || c.Keys.URL != "", "Keys: Issuer and URL are those of each tenant")
	report(c.Keys.Seed != nil || !c.Keys.SeedTime.IsZero() || c.Keys.OnDocument != nil,
		"Keys: Seed, SeedTime and OnDocument are for one issuer only")
	return problems
}
