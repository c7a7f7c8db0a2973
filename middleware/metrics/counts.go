package metrics

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
)

// maxIssuers is how many issuers have a value of their own for the label issuer.
const maxIssuers = 64

// A Counts counts the decisions of one [middleware.Middleware] and the fetches of its keys.
// [New] makes it. It takes no lock and allocates nothing for a request. It is safe for
// concurrent use.
//
// A program with several Middlewares uses one Counts for each of them.
type Counts struct {
	requests  [outcomeCount][schemeCount][transportCount]atomic.Uint64
	durations [outcomeCount][len(lookups)]histogram
	timed     atomic.Bool // durations has one

	none   row // of decisions that name no issuer
	others row // of issuers without a row

	mu      sync.Mutex // guards sources, and is held to replace rows
	sources sources
	rows    atomic.Pointer[rows]
}

// New returns a Counts that has counted nothing. [Counts.Var] or [Counts.Families] tells it
// the issuers. Until then, all issuers count as "_other".
func New() *Counts {
	c := &Counts{none: row{issuer: ""}, others: row{issuer: other}}
	c.rows.Store(&rows{})
	return c
}

// A row counts what concerns one issuer.
type row struct {
	issuer    string
	decisions [outcomeCount][errorTypeCount][lookupCount]atomic.Uint64
	fetches   [causeCount][resultCount]histogram
}

// What a decision says of the cache of verified tokens. The first two are places of lookups.
const (
	hit = iota
	miss
	noLookup
	lookupCount
)

// rows are the issuers with a row. They do not change: a new list replaces them.
type rows struct {
	byIssuer map[string]*row
	inOrder  []*row
}

// Observe counts a decision. It is for Config.Observe of package middleware. It counts the
// request unless the decision is Nested, and the verification unless the decision is Nested
// and lets the request through, for then it is no new one.
func (c *Counts) Observe(_ context.Context, d middleware.Decision) {
	outcome, lookup := outcomeOf(d.Outcome), noLookup
	if d.Nested && outcome == ok {
		return
	}
	if !d.Nested {
		c.requests[outcome][indexOf(schemes[:], d.Scheme)][indexOf(transports[:], d.Transport)].Add(1)
		if d.Claims != nil {
			lookup = lookupOf(&d)
		}
	}
	c.row(d.Issuer).decisions[outcome][errorTypeOf(&d)][lookup].Add(1)
	if d.Duration > 0 {
		c.durations[outcome][lookupOf(&d)].observe(decisionBounds[:], d.Duration)
		if !c.timed.Load() {
			c.timed.Store(true)
		}
	}
}

func lookupOf(d *middleware.Decision) int {
	if d.Remembered {
		return hit
	}
	return miss
}

// ObserveFetch counts a fetch of keys. It is for Config.ObserveFetch of package middleware. A
// program that makes a jwks.Cache itself calls it in the OnFetch of the cache, with the URL of
// the issuer that has the cache as its Keys.
func (c *Counts) ObserveFetch(issuer, cause, result string, took time.Duration) {
	c.row(issuer).fetches[indexOf(causes[:], cause)][indexOf(results[:], result)].observe(fetchBounds[:], took)
}

// row returns the row of an issuer. Only the configuration adds rows, so that what others send
// cannot become a label, whatever a Decision has as its Issuer.
func (c *Counts) row(issuer string) *row {
	if issuer == "" {
		return &c.none
	}
	if r := c.rows.Load().byIssuer[issuer]; r != nil {
		return r
	}
	return &c.others
}

// Issuer returns the value of the label issuer for an issuer. That is the issuer itself if it is
// one of the first 64 of the configuration, and otherwise "_other". It is a label that is safe
// everywhere.
func (c *Counts) Issuer(issuer string) string { return c.row(issuer).issuer }

// adopt gives rows to issuers that have none, as long as there are rows. Issuers keep their
// rows after they have left the configuration, because counters must not go back.
func (c *Counts) adopt(issuers []jwks.Status) *rows {
	old := c.rows.Load()
	if !slices.ContainsFunc(issuers, old.lacks) {
		return old
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.rows.Load().copy()
	for _, issuer := range issuers {
		if all.lacks(issuer) {
			r := &row{issuer: issuer.Issuer}
			all.byIssuer[r.issuer], all.inOrder = r, append(all.inOrder, r)
		}
	}
	c.rows.Store(all)
	return all
}

// lacks reports whether an issuer must get a row.
func (r *rows) lacks(issuer jwks.Status) bool {
	return len(r.inOrder) < maxIssuers && issuer.Issuer != other && r.leavesOut(issuer)
}

// leavesOut reports whether an issuer has no row.
func (r *rows) leavesOut(issuer jwks.Status) bool {
	return issuer.Issuer != "" && r.byIssuer[issuer.Issuer] == nil
}

func (r *rows) copy() *rows {
	all := &rows{byIssuer: make(map[string]*row, maxIssuers), inOrder: slices.Clone(r.inOrder)}
	for _, row := range r.inOrder {
		all.byIssuer[row.issuer] = row
	}
	return all
}
