package introspection

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/fetch"
)

const (
	userAgent = "bearerguard-introspection"

	inactiveTTL     = 10 * time.Second
	inactiveEntries = 1 << 10
)

// An Introspector asks the introspection endpoint of one issuer about tokens. Set it as the Opaque
// of a [claims.Issuer]. [New] makes it. It is safe for concurrent use and has nothing to close: its
// goroutines end with their requests, and idle connections after 90 seconds.
type Introspector struct {
	endpoint     string
	accept       string
	client       *fetch.Client
	authenticate authenticator
	verifier     *verifier // nil without Config.ResponseAlgorithms
	reader       reader
	timeout      time.Duration
	stale        time.Duration

	prefix            string
	shortest, longest int
	jwts              bool

	active   *memory
	inactive *memory // so that guesses do not evict tokens that are active

	unknown bucket
	lanes   [2]lane       // of unknown tokens, and of those that were active before
	slots   chan struct{} // of all requests

	mu      sync.Mutex // guards flights
	flights map[id]*flight

	counts counts
	log    eventLog
}

// A lane is a part of the requests. A stranger may cause failures of guesses, by tokens that the
// endpoint does not like. They must not stop the requests for tokens that are in use.
type lane struct {
	slots   chan struct{} // nil: no bound but that of all requests
	breaker breaker
}

const (
	unknownLane = 0
	knownLane   = 1
)

// New returns an Introspector, or an error that reports every mistake in config. It makes no
// request and starts no goroutine.
func New(config Config) (*Introspector, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	timeout, inFlight := cmp.Or(config.Timeout, defaultTimeout), cmp.Or(config.MaxInFlight, defaultInFlight)
	i := &Introspector{
		endpoint: config.Endpoint, accept: plainAccept, authenticate: config.authenticator(),
		client: fetch.New(fetch.Config{
			Address: config.Endpoint, Client: config.Client, RootCAs: config.RootCAs, Certificate: config.Certificate,
			InsecureHTTPHosts: config.InsecureHTTPHosts, Timeout: timeout, UserAgent: userAgent,
			IdleConnections: inFlight,
		}),
		timeout: timeout, stale: config.StaleIfError,
		reader: reader{
			audience: config.ImpliedAudience, stale: config.StaleIfError,
			ttl: max(cmp.Or(config.TTL, defaultTTL), 0),
		},
		prefix: config.Prefix, jwts: config.AlsoJWT || config.OnlyJWT,
		active: newMemory(cmp.Or(config.CacheEntries, defaultEntries)), inactive: newMemory(inactiveEntries),
		flights: make(map[id]*flight),
		log:     eventLog{logger: config.Logger, endpoint: withoutQuery(config.Endpoint)},
	}
	if !config.OnlyJWT {
		i.shortest, i.longest = config.lengths()
	}
	if config.ResponseAlgorithms != nil {
		i.accept = signedAccept
		i.verifier = &verifier{slices.Clone(config.ResponseAlgorithms), config.ResponseKeys, config.ClientID}
	}
	i.bound(inFlight, cmp.Or(config.UnknownPerSecond, defaultRate))
	return i, nil
}

func (i *Introspector) bound(inFlight, rate int) {
	i.slots = make(chan struct{}, inFlight)
	i.lanes[unknownLane].slots = make(chan struct{}, max(1, inFlight*3/4))
	i.unknown = bucket{rate: float64(rate), left: float64(rate), at: time.Now()}
}

// Format prints a fixed text for every verb, because an Introspector holds what issuers have said
// about tokens.
func (i *Introspector) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "introspection.Introspector")
}

// Tokens implements the Opaque of a [claims.Issuer].
func (i *Introspector) Tokens() (prefix string, shortest, longest int, jwts bool) {
	return i.prefix, i.shortest, i.longest, i.jwts
}

// Introspect implements the Opaque of a [claims.Issuer]. It returns what the endpoint says about
// the token, with the iss and exp that an answer can lack. The claims are not checked: a
// [claims.Verifier] does it for each request.
//
// The error matches claims.ErrRejected if the token is not active. Any other one matches
// claims.ErrUnavailable, and errors.As finds a *claims.UnavailableError with the time to retry.
//
// Introspect waits for at most twice Config.Timeout, and no longer than ctx. Calls for one token
// share one request to the endpoint, which none of them cancels.
func (i *Introspector) Introspect(ctx context.Context, issuer, token string) (payload string, remembered bool, err error) {
	of, now := idOf(issuer, token), time.Now()
	if a := i.lookUp(of, now); a != nil {
		i.counts.cached.Add(1)
		payload, err = a.result()
		return payload, true, err
	}
	before := i.active.get(of)
	a, err := i.ask(ctx, question{of, issuer, token, i.laneOf(before, now)})
	if err == nil {
		payload, err = a.result()
		return payload, false, err
	}
	if before != nil && ctx.Err() == nil && before.isFresh(time.Now(), i.stale) {
		i.counts.stale.Add(1)
		return before.payload, true, nil
	}
	return "", false, err
}

// lookUp returns an answer that needs not be asked for again, or nil.
func (i *Introspector) lookUp(of id, now time.Time) *answer {
	for _, m := range [...]*memory{i.active, i.inactive} {
		if a := m.get(of); a != nil && a.isFresh(now, 0) {
			return a
		}
	}
	return nil
}

// laneOf returns the lane of a token with this earlier answer, or nil.
func (i *Introspector) laneOf(before *answer, now time.Time) int {
	if before != nil && !before.hasExpired(now) {
		return knownLane
	}
	return unknownLane
}

var errInactive = fmt.Errorf("introspection: the token is not active: %w", claims.ErrRejected)

func (a *answer) result() (string, error) {
	if !a.isActive() {
		return "", errInactive
	}
	return a.payload, nil
}

// keep remembers an answer. Only active tokens get into the large memory. One that has expired
// already is kept with the inactive ones: otherwise each request with it would be a question.
func (i *Introspector) keep(of id, a *answer) {
	if a.isActive() && !a.spent {
		i.active.put(of, a)
		return
	}
	i.active.drop(of)
	i.inactive.put(of, a)
}
