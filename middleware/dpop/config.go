package dpop

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/internal/keyset"
	"github.com/bearerguard/bearerguard/internal/mldsa"
)

const (
	defaultMaxAge   = 60 * time.Second
	defaultMaxAhead = 30 * time.Second

	// maxWindow bounds MaxAge and MaxAhead, and with them the memory of used proofs.
	maxWindow = 10 * time.Minute
)

// A Config says which DPoP proofs a [Checker] accepts. Only Origins is required: the zero
// value of every other field is a safe default. [New] copies the Config.
type Config struct {
	_ [0]func() // written with field names

	// Origins are the URLs under which clients reach this API, at least one: scheme, host and
	// port, such as "https://api.example.com". If a gateway strips a prefix from the path, the
	// origin has the prefix: "https://api.example.com/orders". http is for loopback only.
	//
	// A proof is for one URL (htu, RFC 9449 section 4.2), and the server must know its own.
	// The Host field and X-Forwarded fields are never read, because the sender of a request
	// chooses them.
	Origins []string

	// Algorithms are the accepted signature algorithms of proofs. They default to ES256,
	// ES384, ES512, EdDSA, Ed25519, PS256, PS384, PS512 and RS256. EdDSA and Ed25519 are two
	// names of one algorithm (RFC 9864), and clients use both.
	//
	// ML-DSA-44, ML-DSA-65 and ML-DSA-87 (RFC 9964) must be listed, and need a program that was
	// built with Go 1.27 and without the FIPS 140-3 module v1.0.0. Proofs are limited to 4,096
	// bytes. With one of these they can have 8, 10 and 12 KiB, because key and signature are
	// that long; a proxy in front must let such a field pass.
	Algorithms []string

	// MaxAge and MaxAhead are how far the iat of a proof can be behind and ahead of this
	// server's clock. They default to 60 and 30 seconds, and are at most 10 minutes. The iat of
	// a proof with a nonce is not compared with the clock.
	MaxAge, MaxAhead time.Duration

	// Replays remembers which proofs were used. The default is a bounded memory of this
	// process. Servers that share their clients should share a store as well: otherwise a proof
	// can be used once at each of them.
	Replays ReplayStore

	// Nonces, if set, issues nonces (RFC 9449 sections 9 and 11.2). Then a client with a wrong
	// clock is accepted, and proofs cannot be made in advance. Set it at all servers
	// that share their clients at the same time: one without nonces judges the iat of a proof
	// that another one has accepted for its nonce.
	Nonces *Nonces

	// Required refuses tokens that are not bound to a key, too.
	Required bool

	// Now is the clock, for tests. It defaults to time.Now.
	Now func() time.Time
}

// defaultAlgorithms are in the order in which challenges name them.
var defaultAlgorithms = [...]string{"ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "PS384", "PS512", "RS256"}

// New returns a Checker, or an error that reports every mistake in config. It makes no request
// and starts no goroutine.
func New(config Config) (*Checker, error) {
	var problems mistakes
	c := &Checker{
		origins:    originsOf(config.Origins, &problems),
		algorithms: slices.Clone(config.Algorithms),
		maxBytes:   maxBytesOf(config.Algorithms),
		maxAge:     windowOf("MaxAge", config.MaxAge, defaultMaxAge, &problems),
		maxAhead:   windowOf("MaxAhead", config.MaxAhead, defaultMaxAhead, &problems),
		replays:    config.Replays,
		required:   config.Required,
		now:        config.Now,
	}
	checkAlgorithms(c.algorithms, &problems)
	if len(c.algorithms) == 0 {
		c.algorithms = slices.Clone(defaultAlgorithms[:])
	}
	if c.now == nil {
		c.now = time.Now
	}
	if config.Nonces != nil {
		config.Nonces.check(&problems)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if c.replays == nil {
		c.replays = newMemory(0, config.Now)
	}
	if config.Nonces != nil {
		c.nonces = newNonceSource(config.Nonces, c.origins[0])
	}
	return c, nil
}

// mistakes are what is wrong with a Config.
type mistakes []error

func (m *mistakes) report(bad bool, format string, args ...any) {
	if bad {
		*m = append(*m, fmt.Errorf("dpop: invalid Config."+format, args...))
	}
}

func windowOf(field string, configured, standard time.Duration, problems *mistakes) time.Duration {
	if configured == 0 {
		return standard
	}
	problems.report(configured < 0 || configured > maxWindow, "%s %v: it is not between 0 and %v", field, configured, maxWindow)
	return configured
}

func checkAlgorithms(algorithms []string, problems *mistakes) {
	for n, alg := range algorithms {
		problems.report(!keyset.Supported(alg), "Algorithms: %q is not supported for proofs: write one of %q", alg, defaultAlgorithms)
		problems.report(slices.Contains(algorithms[:n], alg), "Algorithms: %q is a duplicate", alg)
		if mldsa.IsAlgorithm(alg) {
			missing := mldsa.Missing()
			problems.report(missing != nil, "Algorithms: %q: %w", alg, missing)
		}
	}
}
