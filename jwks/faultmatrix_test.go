package jwks_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// faultMatrix says what a request for a key gets, for each state of the cache and each kind of
// kid. How the issuer fails does not change the answer. It changes only the cost of the fetch:
// see fetchCosts. If the key set is gone from its address, discovery must be read again although
// the set is fresh.
//
//	keys          the keys of that kid
//	unknown       claims.ErrUnknownKey
//	unavailable   *claims.UnavailableError, with a RetryAfter
//
//	background    one scheduled fetch starts, and no request waits for it
//	one waits     one scheduled fetch: the request that starts it waits for the first answer of
//	              the issuer, at most 0.5 s, and no other request waits
//	joined        one scheduled fetch, which all requests wait for
//	forced        one forced fetch, which all requests wait for
//
// Without one of these words there is no fetch and no wait. After a forced fetch that failed, a
// background fetch starts only if the forced one ends while the requests still wait.
//
// The known kid is in the set of the cache. The new kid has been published since. The junk kid
// is never published. If the key set has moved, its old address still serves the old set, and
// the new kid is at the new address only.
const faultMatrix = `
the issuer answers                    known kid             new kid                           junk kid

cold                                  keys, joined          keys, joined                      unknown, joined
cold, in backoff                      unavailable           unavailable                       unavailable
fresh                                 keys                  keys, forced                      unknown, forced
stale-while-revalidate                keys, background      keys, forced                      unknown, forced
stale-if-error                        keys, joined          keys, joined                      unknown, joined
stale-if-error, in backoff            keys                  keys, forced                      unknown, forced
stale-if-error, after backoff         keys, one waits       keys, joined                      unknown, joined
stale-if-error, failed long ago       keys, joined          keys, joined                      unknown, joined
stale-if-error, forced fetch failed   keys, joined          keys, joined                      unknown, joined
exhausted                             keys, joined          keys, joined                      unknown, joined
exhausted, in backoff                 unavailable           unavailable                       unavailable
fresh, after recovery                 keys                  keys, forced                      unknown, forced

the issuer fails                      known kid             new kid                           junk kid

cold                                  unavailable, joined   unavailable, joined               unavailable, joined
cold, in backoff                      unavailable           unavailable                       unavailable
fresh                                 keys                  unavailable, forced               unavailable, forced
stale-while-revalidate                keys, background      unavailable, forced, background   unavailable, forced, background
stale-if-error                        keys, joined          unavailable, joined               unavailable, joined
stale-if-error, in backoff            keys                  unavailable, forced               unavailable, forced
stale-if-error, after backoff         keys, one waits       unavailable, joined               unavailable, joined
stale-if-error, failed long ago       keys, joined          unavailable, joined               unavailable, joined
stale-if-error, forced fetch failed   keys, joined          unavailable, joined               unavailable, joined
exhausted                             unavailable, joined   unavailable, joined               unavailable, joined
exhausted, in backoff                 unavailable           unavailable                       unavailable
fresh, after recovery                 keys                  unavailable, forced               unavailable, forced

the key set is gone                   known kid             new kid                           junk kid

cold                                  unavailable, joined   unavailable, joined               unavailable, joined
cold, in backoff                      unavailable           unavailable                       unavailable
fresh                                 keys                  unavailable, forced, background   unavailable, forced, background
stale-while-revalidate                keys, background      unavailable, forced, background   unavailable, forced, background
stale-if-error                        keys, joined          unavailable, joined               unavailable, joined
stale-if-error, in backoff            keys                  unavailable, forced               unavailable, forced
stale-if-error, after backoff         keys, one waits       unavailable, joined               unavailable, joined
stale-if-error, failed long ago       keys, joined          unavailable, joined               unavailable, joined
stale-if-error, forced fetch failed   keys, joined          unavailable, joined               unavailable, joined
exhausted                             unavailable, joined   unavailable, joined               unavailable, joined
exhausted, in backoff                 unavailable           unavailable                       unavailable
fresh, after recovery                 keys                  unavailable, forced, background   unavailable, forced, background

only discovery fails                  known kid             new kid                           junk kid

cold                                  unavailable, joined   unavailable, joined               unavailable, joined
cold, in backoff                      unavailable           unavailable                       unavailable
fresh                                 keys                  keys, forced                      unknown, forced
stale-while-revalidate                keys, background      keys, forced                      unknown, forced
stale-if-error                        keys, joined          keys, joined                      unknown, joined
stale-if-error, in backoff            keys                  keys, forced                      unknown, forced
stale-if-error, after backoff         keys, one waits       keys, joined                      unknown, joined
stale-if-error, failed long ago       keys, joined          keys, joined                      unknown, joined
stale-if-error, forced fetch failed   keys, joined          keys, joined                      unknown, joined
exhausted                             keys, joined          keys, joined                      unknown, joined
exhausted, in backoff                 unavailable           unavailable                       unavailable
fresh, after recovery                 keys                  keys, forced                      unknown, forced

the key set has moved                 known kid             new kid                           junk kid

cold                                  keys, joined          keys, joined                      unknown, joined
cold, in backoff                      unavailable           unavailable                       unavailable
fresh                                 keys                  unknown, forced                   unknown, forced
stale-while-revalidate                keys, background      unknown, forced                   unknown, forced
stale-if-error                        keys, joined          unknown, joined                   unknown, joined
stale-if-error, in backoff            keys                  unknown, forced                   unknown, forced
stale-if-error, after backoff         keys, one waits       keys, joined                      unknown, joined
stale-if-error, failed long ago       keys, joined          keys, joined                      unknown, joined
stale-if-error, forced fetch failed   keys, joined          keys, joined                      unknown, joined
exhausted                             keys, joined          keys, joined                      unknown, joined
exhausted, in backoff                 unavailable           unavailable                       unavailable
fresh, after recovery                 keys                  unknown, forced                   unknown, forced

the firewall refuses no-cache         known kid             new kid                           junk kid

cold                                  keys, joined          keys, joined                      unknown, joined
cold, in backoff                      unavailable           unavailable                       unavailable
fresh                                 keys                  unavailable, forced               unavailable, forced
stale-while-revalidate                keys, background      unavailable, forced, background   unavailable, forced, background
stale-if-error                        keys, joined          keys, joined                      unknown, joined
stale-if-error, in backoff            keys                  unavailable, forced               unavailable, forced
stale-if-error, after backoff         keys, one waits       keys, joined                      unknown, joined
stale-if-error, failed long ago       keys, joined          keys, joined                      unknown, joined
stale-if-error, forced fetch failed   keys, joined          keys, joined                      unknown, joined
exhausted                             keys, joined          keys, joined                      unknown, joined
exhausted, in backoff                 unavailable           unavailable                       unavailable
fresh, after recovery                 keys                  unavailable, forced               unavailable, forced
`

// The parts of the matrix.
const (
	issuerAnswers  = "the issuer answers"
	issuerFails    = "the issuer fails"
	keySetGone     = "the key set is gone"
	discoveryFails = "only discovery fails"
	keySetMoved    = "the key set has moved"
	noCacheRefused = "the firewall refuses no-cache"
)

// A cell is one entry of the matrix.
type cell struct{ part, state, kid, answer, fetch string }

var columns = regexp.MustCompile(`\s{2,}`)

// cellsOf reads one part of the matrix. A line that names kids is the head of a part.
func cellsOf(t *testing.T, part string) (cells []cell) {
	t.Helper()
	var head []string
	for line := range strings.Lines(faultMatrix) {
		fields := columns.Split(strings.TrimSpace(line), -1)
		switch {
		case len(fields) == 1:
		case strings.HasSuffix(fields[1], " kid"):
			head = fields
		case head[0] == part:
			require.Len(t, fields, len(head), line)
			for i, field := range fields[1:] {
				answer, fetch, _ := strings.Cut(field, ", ")
				cells = append(cells, cell{part, fields[0], head[i+1], answer, fetch})
			}
		}
	}
	require.NotEmpty(t, cells, part)
	return cells
}

func TestFaultMatrix(t *testing.T) {
	for _, f := range matrixFaults {
		costs, ok := fetchCosts[f.class]
		require.True(t, ok, f.class)
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range cellsOf(t, costs.part) {
				for who, callers := range crowds {
					t.Run(strings.Join([]string{c.state, c.kid, who}, "/"), func(t *testing.T) {
						bubble(t, func(t *testing.T) { c.run(t, f, costs, callers) })
					})
				}
			}
		})
	}
}

var newKey = namedKey("new")

// run brings a cache into the cell's state, makes the issuer fail, asks for keys, and repairs the
// issuer.
func (c cell) run(t *testing.T, f matrixFault, costs class, callers crowd) {
	issuer := newIssuer()
	repair(issuer)
	cache := cacheStates[c.state].prepare(t, issuer)
	state := cache.Status().State
	f.begin(issuer)
	issuer.Publish(newKey)
	count := counter(issuer)

	c.check(t, costs, callers.ask(t.Context(), cache, c.kid))

	time.Sleep(6 * time.Second) // every fetch under way ends
	cost := c.cost(costs)
	assert.Equal(t, requestCounts{cost.discovery, cost.keys}, count(), "requests that the issuer got")
	switch {
	case c.part == noCacheRefused && c.fetch == "forced": // it failed
	case costs.delivers && cost.keys > 0:
		state = jwks.StateFresh
	case c.part == keySetGone && state == jwks.StateFresh && cost.keys > 0:
		state = jwks.StateRevalidating // a refresh is due
	}
	assertState(t, state, cache)

	repair(issuer)
	time.Sleep(75 * time.Second) // longer than any backoff in these tests
	requireKnown(t, cache, "known")
	if c.part != keySetMoved { // the cache notices that only within a day
		requireKnown(t, cache, "new")
	}
}

// check compares without testify, because a call of testify costs more than a look-up.
func (c cell) check(t *testing.T, costs class, replies []reply) {
	t.Helper()
	if c.fetch == "one waits" {
		c.checkOneWaits(t, costs, replies)
		return
	}
	cost := c.cost(costs)
	longest := time.Duration(0)
	for _, r := range replies {
		longest = max(longest, r.waited)
		want := c.answer
		if r.impatient && cost.most > 0 {
			want = "gave up"
		}
		if got := r.answer(); got != want {
			t.Fatalf("want %q, got %q: %v", want, got, r.err)
		}
		if want == "unavailable" {
			c.checkRetryAfter(t, costs, r.err)
		}
	}
	assert.GreaterOrEqual(t, longest, cost.least, "the longest wait")
	assert.LessOrEqual(t, longest, cost.most, "the longest wait")
}

// checkOneWaits wants all callers to be served, and one of them to have waited. That one can be
// a caller that gives up: it gets the keys too.
func (c cell) checkOneWaits(t *testing.T, costs class, replies []reply) {
	t.Helper()
	var waits []time.Duration
	for _, r := range replies {
		if got := r.answer(); got != c.answer {
			t.Fatalf("want %q, got %q: %v", c.answer, got, r.err)
		}
		if r.waited == 0 {
			continue
		}
		waits = append(waits, r.waited)
		want := costs.first
		if r.impatient {
			want = min(want, patience)
		}
		assert.Equal(t, want, r.waited)
	}
	assert.Len(t, waits, 1, "the request that starts the refresh")
}

func (c cell) checkRetryAfter(t *testing.T, costs class, err error) {
	t.Helper()
	least, most := c.retryAfter(costs)
	failure := new(claims.UnavailableError)
	require.ErrorAs(t, err, &failure)
	if failure.RetryAfter < least || failure.RetryAfter > most {
		t.Fatalf("want a RetryAfter of %v to %v, got %v: %v", least, most, failure.RetryAfter, err)
	}
}

// A misspelt name in one of the tables would leave a row out. Only this test compares the names.
func TestFaultMatrixIsComplete(t *testing.T) {
	for _, part := range []string{issuerAnswers, issuerFails, keySetGone, discoveryFails, keySetMoved, noCacheRefused} {
		cells := cellsOf(t, part)
		assert.Len(t, cells, 3*len(cacheStates), part)
		for state := range cacheStates {
			for _, kid := range []string{"known kid", "new kid", "junk kid"} {
				i := slices.IndexFunc(cells, func(c cell) bool { return c.state == state && c.kid == kid })
				require.GreaterOrEqual(t, i, 0, "%s, %s, %s", part, state, kid)
				assert.Contains(t, []string{"keys", "unknown", "unavailable"}, cells[i].answer)
				assert.Contains(t, []string{"", "background", "one waits", "joined", "forced", "forced, background"}, cells[i].fetch)
			}
		}
	}
	for name := range fetchCosts {
		assert.True(t, slices.ContainsFunc(matrixFaults, func(f matrixFault) bool { return f.class == name }), name)
	}
}
