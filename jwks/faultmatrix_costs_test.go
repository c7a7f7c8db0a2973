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

// andDiscovery adds a request that is made meanwhile.
func (c fetchCost) andDiscovery() fetchCost {
	return fetchCost{c.discovery + 1, c.keys, c.least, c.most}
}

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
	exhausted fetchCost // the same without a usable set: no retries
	cold      fetchCost // scheduled, and must read discovery first: no retries

	first time.Duration // when the first request of reread has failed, or reread has ended
	retry retryAfter
}

// A retryAfter is the RetryAfter of an UnavailableError. With a usable set, it is the time until
// the next forced fetch: no time, which counts as 1 s, the rest of the fetch under way, or the
// pause that the issuer asked for. Without a usable set, backoff comes before the next fetch: 1 to
// 2 s after a first failure. While the fetch is still under way, only the first of these seconds
// is certain.
type retryAfter struct {
	usable time.Duration
	none   [2]time.Duration // at least, at most
}

var (
	once     = exactly(0, 1, latency)
	twice    = exactly(1, 1, 2*latency) // one after the other
	both     = once.andDiscovery()
	tooLong  = 3 * time.Second        // no waiter waits longer
	moment   = 500 * time.Millisecond // nor does one that starts a refresh in an outage
	afterOne = retryAfter{usable: time.Second, none: [2]time.Duration{time.Second, 2 * time.Second}}
	afterTwo = retryAfter{usable: 2 * time.Second, none: [2]time.Duration{3 * time.Second, 3 * time.Second}}
)

// retried is the cost of three requests for the key set, with pauses of 0.1 to 0.5 s and of 0.1 to
// 0.9 s.
var retried = fetchCost{0, 3, 200*time.Millisecond + 3*latency, 1400*time.Millisecond + 3*latency}

var retriedAfter1s = fetchCost{0, 3, 2*time.Second + 3*latency, 2400*time.Millisecond + 3*latency}

func exactly(discovery, keys int, wait time.Duration) fetchCost {
	return fetchCost{discovery, keys, wait, wait}
}

// fetchCosts is the cost of a fetch under each class of faults. Only a scheduled fetch of a usable
// set is retried. Only a scheduled fetch reads discovery, or repeats a request that was refused
// without its Cache-Control. It reads discovery again while it asks for the key set.
var fetchCosts = map[string]class{
	"healthy": {
		part: issuerAnswers, delivers: true, first: latency, retry: afterOne,
		forced: once, scheduled: once, reread: both, exhausted: both, cold: twice,
	},
	"slow": {
		part: issuerAnswers, delivers: true, first: moment, retry: afterOne,
		forced: exactly(0, 1, 2*time.Second), scheduled: exactly(0, 1, 2*time.Second),
		reread: exactly(1, 1, 2*time.Second), exhausted: exactly(1, 1, 2*time.Second),
		cold: exactly(1, 1, 2*time.Second+latency),
	},
	"metadata at RFC 8414's address only": {
		part: issuerAnswers, delivers: true, first: 2 * latency, retry: afterOne,
		forced: once, scheduled: once,
		reread: exactly(2, 1, 2*latency), exhausted: exactly(2, 1, 2*latency), cold: exactly(2, 1, 3*latency),
	},
	"too slow": {
		part: issuerFails, delivers: true, first: moment, retry: afterTwo,
		forced: exactly(0, 1, tooLong), scheduled: exactly(0, 1, tooLong),
		reread: exactly(1, 1, tooLong), exhausted: exactly(1, 1, tooLong), cold: exactly(1, 1, tooLong),
	},
	"hanging": {
		part: issuerFails, first: moment, retry: afterTwo,
		forced: exactly(0, 1, tooLong), scheduled: exactly(0, 1, tooLong),
		reread: exactly(1, 1, tooLong), exhausted: exactly(1, 1, tooLong), cold: exactly(1, 1, tooLong),
	},
	"final": { // a retry would get the same answer
		part: issuerFails, first: latency, retry: afterOne,
		forced: once, scheduled: once, reread: both, exhausted: both, cold: twice,
	},
	"refused": { // perhaps because of the Cache-Control: repeated without it
		part: issuerFails, first: 2 * latency, retry: afterOne,
		forced: once, scheduled: exactly(0, 2, 2*latency),
		reread: exactly(1, 2, 2*latency), exhausted: exactly(1, 2, 2*latency), cold: exactly(1, 2, 3*latency),
	},
	"gone": {
		part: keySetGone, first: latency, retry: afterOne,
		forced: once, scheduled: once, reread: both, exhausted: both, cold: twice,
	},
	"retried": {
		part: issuerFails, first: latency, retry: afterOne,
		forced: once, scheduled: retried, reread: retried.andDiscovery(), exhausted: both, cold: twice,
	},
	"retried after 1 s": { // as Retry-After says, and up to a fifth more
		part: issuerFails, first: latency, retry: afterOne,
		forced: once, scheduled: retriedAfter1s, reread: retriedAfter1s.andDiscovery(), exhausted: both, cold: twice,
	},
	"retried after a minute": { // too long for one fetch
		part: issuerFails, first: latency,
		retry:  retryAfter{usable: time.Minute, none: [2]time.Duration{time.Minute, 72 * time.Second}},
		forced: once, scheduled: once, reread: both, exhausted: both, cold: twice,
	},
	"no-cache refused": {
		part: noCacheRefused, delivers: true, first: latency, retry: afterOne,
		forced: once, scheduled: once, reread: both, exhausted: both, cold: twice,
	},
	"discovery fails": {
		part: discoveryFails, delivers: true, first: latency, retry: afterOne,
		forced: once, scheduled: once, reread: both, exhausted: both, cold: exactly(1, 0, latency),
	},
	"discovery fails at both addresses": {
		part: discoveryFails, delivers: true, first: 2 * latency, retry: afterOne,
		forced: once, scheduled: once,
		reread: exactly(2, 1, 2*latency), exhausted: exactly(2, 1, 2*latency), cold: exactly(2, 0, 2*latency),
	},
	"discovery hanging": {
		part: discoveryFails, delivers: true, first: moment, retry: afterTwo,
		forced: once, scheduled: once,
		reread: exactly(1, 1, 2*time.Second), exhausted: exactly(1, 1, 2*time.Second), cold: exactly(1, 0, tooLong),
	},
	"host retried": {
		part: issuerFails, first: latency, retry: afterOne,
		forced: once, scheduled: retried, reread: retried.andDiscovery(), exhausted: both, cold: exactly(1, 0, latency),
	},
	"host hanging": {
		part: issuerFails, first: moment, retry: afterTwo,
		forced: exactly(0, 1, tooLong), scheduled: exactly(0, 1, tooLong),
		reread: exactly(1, 1, tooLong), exhausted: exactly(1, 1, tooLong), cold: exactly(1, 0, tooLong),
	},
	"moved": { // discovery names the new address while the old one is asked
		part: keySetMoved, delivers: true, first: 2 * latency, retry: afterOne,
		forced: once, scheduled: once,
		reread: exactly(1, 2, 2*latency), exhausted: exactly(1, 2, 2*latency), cold: twice,
	},
}

// cost returns the cost of the cell's fetch.
func (c cell) cost(costs class) fetchCost {
	var scheduled fetchCost
	switch state := cacheStates[c.state]; {
	case state.address == addressUnknown:
		scheduled = costs.cold
	case !state.usable:
		scheduled = costs.exhausted
	case state.address == addressOld:
		scheduled = costs.reread
	default:
		scheduled = costs.scheduled
	}
	switch c.fetch {
	case "background":
		return scheduled.inBackground()
	case "one waits":
		return fetchCost{scheduled.discovery, scheduled.keys, costs.first, costs.first}
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
