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
	"github.com/bearerguard/bearerguard/internal/strict"
)

const (
	userAgent = "bearerguard-introspection"

	inactiveTTL  = 10 * time.Second
	otherEntries = 1 << 10
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

	accepted *memory // tokens that a Verifier has accepted
	others   *memory // so that guesses, and tokens for other APIs, do not evict those

	lanes [3]lane
	slots chan struct{} // of all requests

	mu      sync.Mutex // guards flights, and moves between the memories
	flights map[id]*flight

	counts counts
	log    eventLog
}

// A lane is a part of the requests. A stranger may cause failures of guesses, by tokens that the
// endpoint does not like. They must not stop the requests for tokens that are in use.
type lane struct {
	slots   chan struct{}
	bucket  *bucket // nil: no bound but that each remembered token is asked about once in its TTL
	breaker breaker
}

const (
	guessLane = iota // of opaque tokens that were not accepted yet: anyone can make them up
	jwtLane          // of JWTs that were not accepted yet, but are valid by their signature
	knownLane        // of tokens that were accepted before
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
		accepted: newMemory(cmp.Or(config.CacheEntries, defaultEntries)), others: newMemory(otherEntries),
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

// bound sets the bounds of the lanes. No lane, and no two lanes of tokens that were not accepted
// yet, can fill all requests.
func (i *Introspector) bound(inFlight, rate int) {
	most := inFlight - max(1, inFlight/4)
	guesses, jwts := most, most
	if i.jwts && i.longest > 0 {
		jwts = max(1, inFlight/4)
		guesses = most - jwts
	}
	i.slots = make(chan struct{}, inFlight)
	for n, slots := range [...]int{guessLane: guesses, jwtLane: jwts, knownLane: most} {
		i.lanes[n].slots = make(chan struct{}, slots)
		if n != knownLane {
			i.lanes[n].bucket = &bucket{rate: float64(rate), left: float64(rate), at: time.Now()}
		}
	}
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
// [claims.Verifier] does it for each request, and then calls Accepted.
//
// The error matches claims.ErrRejected if the token is not active. Any other one matches
// claims.ErrUnavailable, and errors.As finds a *claims.UnavailableError with the time to retry.
//
// Introspect waits for at most twice Config.Timeout, and no longer than ctx. Calls for one token
// share one request to the endpoint, which none of them cancels.
func (i *Introspector) Introspect(ctx context.Context, issuer, token string) (payload string, remembered bool, err error) {
	of, now := idOf(issuer, token), time.Now()
	if a, accepted := i.lookUp(of, now); a != nil {
		i.counts.cached.Add(1)
		payload, err = a.result()
		return payload, accepted, err
	}
	before := i.accepted.get(of)
	a, err := i.ask(ctx, question{of, issuer, token, i.laneOf(token, before, now)})
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

// lookUp returns an answer that needs not be asked for again, or nil, and whether the token was
// accepted by it.
func (i *Introspector) lookUp(of id, now time.Time) (a *answer, accepted bool) {
	for _, m := range [...]*memory{i.accepted, i.others} {
		if a := m.get(of); a != nil && a.isFresh(now, 0) {
			return a, m == i.accepted
		}
	}
	return nil, false
}

// Accepted implements the Opaque of a [claims.Issuer]. From now on the token counts as one in use,
// until it expires or the endpoint says that it is not active.
func (i *Introspector) Accepted(issuer, token string) {
	of := idOf(issuer, token)
	i.mu.Lock()
	defer i.mu.Unlock()
	if a := i.others.get(of); a != nil && a.isActive() && !a.spent {
		i.others.drop(of)
		i.accepted.put(of, a)
	}
}

// laneOf returns the lane of a token. before is its answer if it was accepted before, or nil.
func (i *Introspector) laneOf(token string, before *answer, now time.Time) int {
	switch {
	case before != nil && !before.hasExpired(now):
		return knownLane
	case i.jwts && isJWT(token):
		return jwtLane
	}
	return guessLane
}

// isJWT reports whether a token is a JWT by its shape. Package claims introspects such a token only
// after its signature was found valid.
func isJWT(token string) bool {
	parts, err := strict.Cut(token)
	if err != nil {
		return false
	}
	header, err := strict.Decode(parts.Header)
	return err == nil && strict.Object(header, func(string, string) error { return nil }) == nil
}

var errInactive = fmt.Errorf("introspection: the token is not active: %w", claims.ErrRejected)

func (a *answer) result() (string, error) {
	if !a.isActive() {
		return "", errInactive
	}
	return a.payload, nil
}

// keep remembers an answer. A token gets into the large memory once it was accepted: anyone may
// have many tokens that are active, but for other APIs. The caller holds i.mu.
func (i *Introspector) keep(of id, a *answer) {
	if a.isActive() && !a.spent && i.accepted.get(of) != nil {
		i.accepted.put(of, a)
		return
	}
	i.accepted.drop(of)
	i.others.put(of, a)
}
