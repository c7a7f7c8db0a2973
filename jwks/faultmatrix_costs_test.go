package jwks_test

import (
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// latency is what each request to the issuer takes at least.
const latency = 10 * time.Millisecond

// A fetchCost is what one fetch takes: requests, and the wait of those who wait for it,
// which is within these bounds.
type fetchCost struct {
	discovery, keys int
	least, most     time.Duration
}

func (c fetchCost) behind() fetchCost { return fetchCost{c.discovery, c.keys, 0, 0} }

// then is what it takes if the other fetch begins behind this one, which it does only if
// this one has ended before nobody waits any more.
func (c fetchCost) then(other fetchCost) fetchCost {
	if c.most < tooLong {
		c.discovery += other.discovery
		c.keys += other.keys
	}
	return c
}

// A class of faults are those that cost the same.
type class struct {
	part   string // of the matrix
	brings bool   // the key set, sooner or later, if its address is known

	forced    fetchCost
	scheduled fetchCost
	reread    fetchCost // a scheduled one that reads discovery again, once and for 2 s at most
	cold      fetchCost // a scheduled one that has to read discovery first

	retry retryAfter
}

// A retryAfter is what an UnavailableError says. Where there is a usable set, that is
// when the next forced fetch may be had: at once, which counts as 1 s, or after the
// fetch under way. Where there is none, backoff comes before the next fetch: 1 to 2 s
// after a first failure, of which only the first second is sure while the fetch is still
// under way.
type retryAfter struct {
	usable time.Duration
	none   [2]time.Duration // at least, at most
}

var (
	once     = exactly(0, 1, latency)
	twice    = exactly(1, 1, 2*latency)
	tooLong  = 3 * time.Second // nobody waits for longer
	afterOne = retryAfter{usable: time.Second, none: [2]time.Duration{time.Second, 2 * time.Second}}
	afterTwo = retryAfter{usable: 2 * time.Second, none: [2]time.Duration{3 * time.Second, 3 * time.Second}}
)

func exactly(discovery, keys int, wait time.Duration) fetchCost {
	return fetchCost{discovery, keys, wait, wait}
}

// retried is three requests for one document, after 0.1 to 0.5 s and 0.1 to 0.9 s.
func retried(discovery, keys int) fetchCost {
	wait := time.Duration(discovery+keys) * latency
	return fetchCost{discovery, keys, wait + 200*time.Millisecond, wait + 1400*time.Millisecond}
}

// fetchCosts says what a fetch costs under each class of faults. Only a scheduled one is
// retried, or has to do with discovery.
var fetchCosts = map[string]class{
	"healthy": {
		part: issuerAnswers, brings: true, retry: afterOne,
		forced: once, scheduled: once, reread: twice, cold: twice,
	},
	"slow": {
		part: issuerAnswers, brings: true, retry: afterOne,
		forced: exactly(0, 1, 2*time.Second), scheduled: exactly(0, 1, 2*time.Second),
		reread: exactly(1, 1, 2*time.Second+latency), cold: exactly(1, 1, 2*time.Second+latency),
	},
	"too slow": {
		part: issuerFails, brings: true, retry: afterTwo,
		forced: exactly(0, 1, tooLong), scheduled: exactly(0, 1, tooLong),
		reread: exactly(1, 1, tooLong), cold: exactly(1, 1, tooLong),
	},
	"hanging": {
		part: issuerFails, retry: afterTwo,
		forced: exactly(0, 1, tooLong), scheduled: exactly(0, 1, tooLong),
		reread: exactly(1, 1, tooLong), cold: exactly(1, 1, tooLong),
	},
	"final": { // trying again would bring the same
		part: issuerFails, retry: afterOne,
		forced: once, scheduled: once, reread: twice, cold: twice,
	},
	"gone": {
		part: keySetGone, retry: afterOne,
		forced: once, scheduled: once, reread: twice, cold: twice,
	},
	"retried": {
		part: issuerFails, retry: afterOne,
		forced: once, scheduled: retried(0, 3), reread: retried(1, 3), cold: retried(1, 3),
	},
	"retried after 1 s": { // as Retry-After says
		part: issuerFails, retry: afterOne,
		forced: once, scheduled: exactly(0, 3, 2*time.Second+3*latency),
		reread: exactly(1, 3, 2*time.Second+4*latency), cold: exactly(1, 3, 2*time.Second+4*latency),
	},
	"retried after a minute": { // too long for one fetch; and backoff is at most 10 s while nobody is served
		part:   issuerFails,
		retry:  retryAfter{usable: time.Second, none: [2]time.Duration{10 * time.Second, 10 * time.Second}},
		forced: once, scheduled: once, reread: twice, cold: twice,
	},
	"discovery final": {
		part: discoveryFails, brings: true, retry: afterOne,
		forced: once, scheduled: once, reread: twice, cold: exactly(1, 0, latency),
	},
	"discovery retried": {
		part: discoveryFails, brings: true, retry: afterOne,
		forced: once, scheduled: once, reread: twice, cold: retried(3, 0),
	},
	"discovery hanging": {
		part: discoveryFails, brings: true, retry: afterTwo,
		forced: once, scheduled: once, reread: exactly(1, 1, 2*time.Second+latency), cold: exactly(1, 0, tooLong),
	},
	"host retried": {
		part: issuerFails, retry: afterOne,
		forced: once, scheduled: retried(0, 3), reread: retried(1, 3), cold: retried(3, 0),
	},
	"host hanging": {
		part: issuerFails, retry: afterTwo,
		forced: exactly(0, 1, tooLong), scheduled: exactly(0, 1, tooLong),
		reread: exactly(1, 1, tooLong), cold: exactly(1, 0, tooLong),
	},
	"moved": {
		part: keySetMoved, brings: true, retry: afterOne,
		forced: once, scheduled: once, reread: twice, cold: twice,
	},
}

// cost returns what the fetch of this cell takes.
func (c cell) cost(costs class) fetchCost {
	var scheduled fetchCost
	switch cacheStates[c.state].address {
	case addressKnown:
		scheduled = costs.scheduled
	case addressOld:
		scheduled = costs.reread
	case addressUnknown:
		scheduled = costs.cold
	}
	switch c.fetch {
	case "behind":
		return scheduled.behind()
	case "joined":
		return scheduled
	case "forced":
		return costs.forced
	case "forced, behind":
		return costs.forced.then(costs.reread) // after any failure
	}
	return fetchCost{}
}

// retryAfter returns the bounds of what an UnavailableError says.
func (c cell) retryAfter(costs class) (least, most time.Duration) {
	switch {
	case c.fetch == "": // in backoff, which began with a plain failure
		return time.Second, 2 * time.Second
	case cacheStates[c.state].usable:
		return costs.retry.usable, costs.retry.usable
	}
	return costs.retry.none[0], costs.retry.none[1]
}

// requestCounts are those that an issuer got.
type requestCounts struct{ discovery, keys int }

// counter counts the requests from now on.
func counter(issuer *jwkstest.Issuer) func() requestCounts {
	count := func() requestCounts {
		return requestCounts{issuer.Count(jwkstest.Discovery), issuer.Count(jwkstest.JWKS)}
	}
	before := count()
	return func() requestCounts {
		now := count()
		return requestCounts{now.discovery - before.discovery, now.keys - before.keys}
	}
}
