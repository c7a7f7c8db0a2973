package metrics

import (
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
)

// A Family is all series of one name.
type Family struct {
	Name   string    // as in OpenTelemetry, such as "bearerguard.jwks.age"
	Kind   string    // "counter", which only grows, "gauge" or "histogram"
	Unit   string    // "s", or what is counted, such as "{request}"; empty for 0 or 1
	Help   string    // one sentence without a period
	Labels []string  // the names of the labels, such as "error.type"
	Bounds []float64 // the upper bounds of a histogram's buckets, in its unit; nil otherwise
	Series []Series  // one for each combination of values that is counted
}

// A Series is one value of a Family.
type Series struct {
	Values []string // of the Family's Labels; empty if a label does not apply
	Value  float64  // of a counter or gauge

	// Of a histogram. Buckets has, for each of the Family's Bounds, how many were not above it.
	// Count also has those above all Bounds.
	Buckets []uint64
	Count   uint64
	Sum     float64
}

// The kinds of families.
const (
	counter       = "counter"
	gauge         = "gauge"
	histogramKind = "histogram"
)

// Families returns all figures of one moment. status is that of the Middleware whose decisions
// c counts; its issuers get their labels. All families are always there, in the same order,
// some without series. The result is the caller's.
func (c *Counts) Families(status middleware.Status) []Family {
	rows := c.adopt(status.Issuers)
	listed := c.listed(rows, status.Issuers)
	verifications, hits, misses := decided(listed)
	fetches, durations := fetched(listed)
	families := []Family{
		{
			Name: "bearerguard.requests", Kind: counter, Unit: "{request}",
			Help:   "Requests by the decision of the outermost layer, each once",
			Labels: []string{"outcome", "scheme", "transport"}, Series: c.requested(status.DPoP != nil),
		},
		{
			Name: "bearerguard.verifications", Kind: counter, Unit: "{verification}",
			Help:   "Decisions of all layers by outcome, reason and issuer",
			Labels: []string{"outcome", "error.type", "issuer"}, Series: verifications,
		},
		{
			Name: "bearerguard.verification.duration", Kind: histogramKind, Unit: "s",
			Help:   "Time that decisions took, with the wait for keys",
			Labels: []string{"outcome", "cache"}, Bounds: seconds(decisionBounds[:]), Series: c.took(),
		},
		{
			Name: "bearerguard.token_cache.lookups", Kind: counter, Unit: "{lookup}",
			Help:   "Verified tokens that were remembered (hit) or not (miss), and those dropped because their key was gone",
			Labels: []string{"result"}, Series: []Series{
				{Values: []string{"hit"}, Value: float64(hits)},
				{Values: []string{"miss"}, Value: float64(misses)},
				{Values: []string{"key_gone"}, Value: float64(status.CacheKeysGone)},
			},
		},
		single("bearerguard.token_cache.entries", gauge, "{token}",
			"Tokens that are remembered", float64(status.CacheEntries)),
		single("bearerguard.token_cache.evictions", counter, "{token}",
			"Remembered tokens that were dropped to make room", float64(status.CacheEvictions)),
		{
			Name: "bearerguard.jwks.fetches", Kind: counter, Unit: "{fetch}",
			Help:   "Fetches of key sets that have ended",
			Labels: []string{"issuer", "cause", "result"}, Series: fetches,
		},
		{
			Name: "bearerguard.jwks.fetch.duration", Kind: histogramKind, Unit: "s",
			Help:   "Time that fetches of key sets took",
			Labels: []string{"issuer", "cause", "result"}, Bounds: seconds(fetchBounds[:]), Series: durations,
		},
	}
	families = append(families, keyFamilies(rows, status.Issuers, time.Now())...)
	return append(families, c.sourceFamilies(&status)...)
}

func single(name string, kind, unit, help string, value float64) Family {
	return Family{Name: name, Kind: kind, Unit: unit, Help: help, Series: []Series{{Value: value}}}
}

// requested returns the series of requests. Those of DPoP are expected if it is configured.
func (c *Counts) requested(expectsDPoP bool) (list []Series) {
	last := expectedSchemes
	if expectsDPoP {
		last++
	}
	for o := range outcomes {
		for s := range schemes {
			for t := range transports {
				expected := outcomes[o] != other && s < last && t < expectedTransports
				n := c.requests[o][s][t].Load()
				list = appendCount(list, expected, n, outcomes[o], schemes[s], transports[t])
			}
		}
	}
	return list
}

// appendCount leaves out a series that is not expected and has counted nothing.
func appendCount(list []Series, expected bool, n uint64, values ...string) []Series {
	if !expected && n == 0 {
		return list
	}
	return append(list, Series{Values: values, Value: float64(n)})
}

// A listed is a row whose expected series are listed even if they are 0.
type listed struct {
	*row
	expected bool
}

func (c *Counts) listed(rows *rows, issuers []jwks.Status) []listed {
	list := []listed{{&c.none, true}}
	for _, r := range rows.inOrder {
		list = append(list, listed{r, true})
	}
	return append(list, listed{&c.others, slices.ContainsFunc(issuers, rows.leavesOut)})
}

// decided returns the series of verifications, and how many of the tokens were remembered. It
// reads each counter once, so that the sums never go back.
func decided(rows []listed) (list []Series, hits, misses uint64) {
	for _, r := range rows {
		for o := range outcomes {
			for e, errorType := range errorTypes {
				cell := &r.decisions[o][e]
				known, fresh := cell[hit].Load(), cell[miss].Load()
				hits, misses = hits+known, misses+fresh
				expected := r.expected && expects(o, errorType) && (r.issuer == "" || !hasNoIssuer(o, errorType))
				list = appendCount(list, expected, known+fresh+cell[noLookup].Load(), outcomes[o], errorType, r.issuer)
			}
		}
	}
	return list, hits, misses
}

// took returns the series of durations, all at once with the first duration: without
// Config.ObserveDuration there is none.
func (c *Counts) took() (list []Series) {
	if !c.timed.Load() {
		return nil
	}
	for o := range outcomes {
		for l, lookup := range lookups {
			s := c.durations[o][l].series(decisionBounds[:], outcomes[o], lookup)
			if s.Count > 0 || outcomes[o] != other {
				list = append(list, s)
			}
		}
	}
	return list
}

// fetched returns the series of fetches, and of their durations. Of the durations it returns
// only those that there were: for 64 issuers all would be 6,000 lines of a scrape, and fetches
// already tells that they are 0.
func fetched(rows []listed) (fetches, durations []Series) {
	for _, r := range rows {
		for i, cause := range causes {
			for j, result := range results {
				expected := r.expected && r.issuer != "" && cause != other && result != other
				s := r.fetches[i][j].series(fetchBounds[:], r.issuer, cause, result)
				fetches = appendCount(fetches, expected, s.Count, s.Values...)
				if s.Count > 0 {
					durations = append(durations, s)
				}
			}
		}
	}
	return fetches, durations
}
