package jwks_test

import (
	"time"
)

// latency is the shortest time that a request to the issuer takes.
const latency = 10 * time.Millisecond

// A fetchCost is the number of requests that one fetch makes, and the bounds of the time that
// its waiters wait.
type fetchCost struct {
	discovery, keys int
	least, most     time.Duration
}

// inBackground is the cost without waiters.
func (c fetchCost) inBackground() fetchCost { return fetchCost{c.discovery, c.keys, 0, 0} }

// then adds the requests of another fetch, which starts in the background after this one. It
// starts only if this one ends while its waiters still wait.
func (c fetchCost) then(other fetchCost) fetchCost {
	if c.most < tooLong {
		c.discovery += other.discovery
		c.keys += other.keys
	}
	return c
}

// A class is a group of faults under which a fetch has the same cost.
type class struct {
	part     string // of the matrix
	delivers bool   // the issuer delivers the key set in the end, if its address is known

	forced    fetchCost
	scheduled fetchCost
	reread    fetchCost // scheduled, and reads discovery again: one request, for at most 2 s
	cold      fetchCost // scheduled, and must read discovery first

	retry retryAfter
}

// A retryAfter is the RetryAfter of an UnavailableError. With a usable set, it is the time until
// the next forced fetch: no time, which counts as 1 s, or the rest of the fetch under way.
// Without a usable set, backoff comes before the next fetch: 1 to 2 s after a first failure.
// While the fetch is still under way, only the first of these seconds is certain.
type retryAfter struct {
	usable time.Duration
	none   [2]time.Duration // at least, at most
}

var (
	once     = exactly(0, 1, latency)
	twice    = exactly(1, 1, 2*latency)
	tooLong  = 3 * time.Second // no waiter waits longer
	afterOne = retryAfter{usable: time.Second, none: [2]time.Duration{time.Second, 2 * time.Second}}
	afterTwo = retryAfter{usable: 2 * time.Second, none: [2]time.Duration{3 * time.Second, 3 * time.Second}}
)

func exactly(discovery, keys int, wait time.Duration) fetchCost {
	return fetchCost{discovery, keys, wait, wait}
}

// retried is the cost of three requests for one document, with pauses of 0.1 to 0.5 s and of
// 0.1 to 0.9 s.
func retried(discovery, keys int) fetchCost {
	wait := time.Duration(discovery+keys) * latency
	return fetchCost{discovery, keys, wait + 200*time.Millisecond, wait + 1400*time.Millisecond}
}

// fetchCosts is the cost of a fetch under each class of faults. Only a scheduled fetch is retried
// or reads discovery.
var fetchCosts = map[string]class{
	"healthy": {
		part: issuerAnswers, delivers: true, retry: afterOne,
		forced: once, scheduled: once, reread: twice, cold: twice,
	},
	"slow": {
		part: issuerAnswers, delivers: true, retry: afterOne,
		forced: exactly(0, 1, 2*time.Second), scheduled: exactly(0, 1, 2*time.Second),
		reread: exactly(1, 1, 2*time.Second+latency), cold: exactly(1, 1, 2*time.Second+latency),
	},
	"too slow": {
		part: issuerFails, delivers: true, retry: afterTwo,
		forced: exactly(0, 1, tooLong), scheduled: exactly(0, 1, tooLong),
		reread: exactly(1, 1, tooLong), cold: exactly(1, 1, tooLong),
	},
	"hanging": {
		part: issuerFails, retry: afterTwo,
		forced: exactly(0, 1, tooLong), scheduled: exactly(0, 1, tooLong),
		reread: exactly(1, 1, tooLong), cold: exactly(1, 1, tooLong),
	},
	"final": { // a retry would get the same answer
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
	"retried after a minute": { // too long for one fetch; backoff is at most 10 s without a usable set
		part:   issuerFails,
		retry:  retryAfter{usable: time.Second, none: [2]time.Duration{10 * time.Second, 10 * time.Second}},
		forced: once, scheduled: once, reread: twice, cold: twice,
	},
	"discovery final": {
		part: discoveryFails, delivers: true, retry: afterOne,
		forced: once, scheduled: once, reread: twice, cold: exactly(1, 0, latency),
	},
	"discovery retried": {
		part: discoveryFails, delivers: true, retry: afterOne,
		forced: once, scheduled: once, reread: twice, cold: retried(3, 0),
	},
	"discovery hanging": {
		part: discoveryFails, delivers: true, retry: afterTwo,
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
		part: keySetMoved, delivers: true, retry: afterOne,
		forced: once, scheduled: once, reread: twice, cold: twice,
	},
}

// cost returns the cost of the cell's fetch.
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
	case "background":
		return scheduled.inBackground()
	case "joined":
		return scheduled
	case "forced":
		return costs.forced
	case "forced, background":
		return costs.forced.then(costs.reread) // after any failure
	}
	return fetchCost{}
}

// retryAfter returns the bounds of RetryAfter in the cell's UnavailableError.
func (c cell) retryAfter(costs class) (least, most time.Duration) {
	switch {
	case c.fetch == "": // in backoff, which began with a plain failure
		return time.Second, 2 * time.Second
	case cacheStates[c.state].usable:
		return costs.retry.usable, costs.retry.usable
	}
	return costs.retry.none[0], costs.retry.none[1]
}
