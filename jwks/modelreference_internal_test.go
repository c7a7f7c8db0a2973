package jwks

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// slack is what the reference forgives: the time that a fetch takes, and the 10 s for which a
// shared cache can answer.
const slack = 20 * time.Second

var kidPattern = regexp.MustCompile(`"kid":"k(\d+)"`)

func kidsOf(document []byte) (kids []int) {
	for _, match := range kidPattern.FindAllSubmatch(document, -1) {
		n, _ := strconv.Atoi(string(match[1]))
		kids = append(kids, n)
	}
	return kids
}

// check holds every answer of a history to the promises. It knows what the issuer published
// and what the fetches came to, and nothing of how the cache decides.
func (h *history) check() (problems []string) {
	slices.SortStableFunc(h.asked, func(a, b ask) int { return a.began.Compare(b.began) })
	report := func(a ask, format string, args ...any) {
		what := fmt.Sprintf("%v: kid k%d in state %s, found %v after %v (%v): ",
			a.began.Sub(h.start), a.kid, a.state, a.found, a.ended.Sub(a.began), a.err)
		problems = append(problems, what+fmt.Sprintf(format, args...))
	}
	for _, a := range h.asked {
		for _, rule := range []func(ask) string{
			h.removedKeyIsRefused, h.blockedKeyIsRefused, h.exhaustedSetIsNotUsed, h.knownKeyIsServed,
			h.newKeyIsFound, h.unknownIsProven, h.waitIsBounded,
		} {
			if problem := rule(a); problem != "" {
				report(a, "%s", problem)
			}
		}
	}
	return append(problems, h.forcedFetchesAreBounded()...)
}

// removedAt returns when the issuer stopped to publish a kid, as of a moment. It returns false
// if it is published, and the beginning of the history if it never was.
func (h *history) removedAt(kid int, at time.Time) (time.Time, bool) {
	var removed time.Time
	published := false
	for _, c := range h.changes {
		if c.at.After(at) {
			break
		}
		has := slices.Contains(c.kids, kid)
		if published && !has || removed.IsZero() {
			removed = c.at
		}
		published = has
	}
	return removed, !published
}

// P5.
func (h *history) removedKeyIsRefused(a ask) string {
	removed, ok := h.removedAt(a.kid, a.ended)
	if !a.found || !ok {
		return ""
	}
	fresh := 15 * time.Minute
	if h.issuer.maxAge > 0 {
		fresh = min(max(time.Duration(h.issuer.maxAge)*time.Second, 5*time.Minute), time.Hour)
	}
	bound := fresh + 45*time.Minute + slack
	if h.issuer.etag == constantETag {
		bound += 45 * time.Minute // for which a 304 is believed
	}
	if a.ended.Sub(removed) <= bound || h.cutOff(a) {
		return ""
	}
	for _, f := range h.fetches {
		switch {
		case f.cause == "seed" || f.cause == "none" || f.began.After(a.ended):
		case f.cause != string(forced) && !f.ok && (!f.cut || h.faultAt(f.began) != "") && a.ended.Sub(f.ended) <= 20*time.Minute+slack:
			return "" // an outage
		case f.ended.After(a.ended) && a.ended.Sub(f.began) >= maxWait-100*time.Millisecond:
			return "" // the issuer takes too long
		}
	}
	return fmt.Sprintf("P5: it was removed %v before", a.ended.Sub(removed))
}

// cutOff reports whether a suspension made a fetch fail, in a way that the log does not show,
// and not longer ago than an outage is presumed.
func (h *history) cutOff(a ask) bool {
	return slices.ContainsFunc(h.jumps, func(j jump) bool {
		return j.cut && j.at.Before(a.ended.Add(fetchTimeout)) && a.ended.Sub(j.at) <= 20*time.Minute+slack
	})
}

// faultAt returns what was wrong with the issuer at a moment. That a fetch was cut off by a
// freeze is no fault of the issuer, and no reason to use an old set.
func (h *history) faultAt(at time.Time) (fault string) {
	for _, c := range h.changes {
		if !c.at.After(at) {
			fault = c.fault
		}
	}
	return fault
}

func (h *history) blockedKeyIsRefused(a ask) string {
	for _, b := range h.blocks {
		if a.found && b.kid == a.kid && b.at.Before(a.began) && (b.until.IsZero() || b.until.After(a.ended)) {
			return "it was blocked"
		}
	}
	return ""
}

// maybeBlocked reports whether a kid was blocked at some moment of a call.
func (h *history) maybeBlocked(a ask) bool {
	return slices.ContainsFunc(h.blocks, func(b blocked) bool {
		return b.kid == a.kid && !b.at.After(a.ended) && !(!b.until.IsZero() && b.until.Before(a.began))
	})
}

// MaxStale counts from the last success, also across restarts.
func (h *history) exhaustedSetIsNotUsed(a ask) string {
	if !a.found {
		return ""
	}
	for _, f := range h.fetches {
		if f.ok && !f.ended.After(a.ended) && a.ended.Sub(f.began)+h.suspended(f.ended, a.ended) <= 24*time.Hour+slack {
			return ""
		}
	}
	return "no fetch succeeded within MaxStale"
}

// suspended returns for how long the machine was suspended in a time.
func (h *history) suspended(from, to time.Time) (d time.Duration) {
	for _, j := range h.jumps {
		if j.at.After(from) && !j.at.After(to) {
			d += j.d
		}
	}
	return d
}

// lastGood returns the fetch that brought the set which was in use at a moment.
func (h *history) lastGood(a ask, at time.Time) (last fetched, ok bool) {
	for _, f := range h.fetches {
		if f.ok && !f.ended.Before(a.restarted) && !f.ended.After(at) {
			last, ok = f, true
		}
	}
	return last, ok
}

// lastFailed returns the last fetch that failed and was not forced, if none succeeded since.
func (h *history) lastFailed(a ask) (last fetched, ok bool) {
	for _, f := range h.fetches {
		switch {
		case f.ended.Before(a.restarted) || f.ended.After(a.began) || f.cause == "none":
		case f.ok:
			ok = false
		case f.cause != string(forced):
			last, ok = f, true
		}
	}
	return last, ok
}

// P1 and P3: a known key is served, at once or after a bounded wait.
func (h *history) knownKeyIsServed(a ask) string {
	good, ok := h.lastGood(a, a.began)
	usable := a.state == StateFresh || a.state == StateRevalidating || a.state == StateStale
	if !ok || h.maybeBlocked(a) || !usable || !slices.Contains(good.kids, a.kid) || a.patience <= maxWait {
		return ""
	}
	for _, f := range h.fetches { // the set changed meanwhile
		if f.ok && !f.ended.Before(a.began) && !f.ended.After(a.ended) && !slices.Contains(f.kids, a.kid) {
			return ""
		}
	}
	waited := a.ended.Sub(a.began)
	age := a.began.Sub(good.began) + h.suspended(good.ended, a.ended)
	failed, presumed := h.lastFailed(a)
	presumed = presumed && a.began.Sub(failed.ended)+h.suspended(failed.began, a.began) < 15*time.Minute
	switch {
	case !a.found && age < 24*time.Hour-slack:
		return "P3: a known key was not served"
	case a.state != StateStale && waited > 0:
		return "P1: it waited"
	case presumed && waited > moment:
		return "P3: it waited in an outage"
	case presumed && waited > 0 && h.runs && h.suspended(a.began.Add(-runPause-slack), a.began) == 0:
		return "P3: it waited in an outage, in spite of Run"
	}
	return ""
}

// P4: a new key is found on its first use, while there is a forced fetch to be had.
func (h *history) newKeyIsFound(a ask) string {
	const quiet = 80 * time.Second // longer than every pause
	if a.found || a.kid < 0 || h.maybeBlocked(a) || h.frozen || h.issuer.firewall != "" || a.patience <= maxWait {
		return ""
	}
	from := a.began.Add(-quiet)
	if a.restarted.After(from) || h.suspended(from, a.ended) > 0 {
		return ""
	}
	for i, c := range h.changes {
		until := a.ended.Add(time.Second)
		if i+1 < len(h.changes) {
			until = h.changes[i+1].at
		}
		overlaps := c.at.Before(a.ended) && until.After(from)
		if overlaps && (c.fault != "" || c.at.Before(a.ended) && until.After(a.began.Add(-time.Second)) && !slices.Contains(c.kids, a.kid)) {
			return ""
		}
	}
	recent := 0
	for _, f := range h.fetches {
		if f.cause == string(forced) && f.began.After(a.began.Add(-30*time.Second)) && f.began.Before(a.ended) {
			recent++
		}
	}
	if recent < forcedBurst {
		return "P4: a published key was not found"
	}
	return ""
}

// An unknown kid is only one that a recent fetch did not bring.
func (h *history) unknownIsProven(a ask) string {
	if !a.unknown || h.maybeBlocked(a) || h.suspended(a.began, a.ended) > 0 {
		return ""
	}
	for _, f := range h.fetches {
		if f.ok && f.cause != "seed" && !f.ended.After(a.ended) && a.ended.Sub(f.began) <= forcedInterval && !slices.Contains(f.kids, a.kid) {
			return ""
		}
	}
	return "no fetch of the last 10 s lacks it"
}

// P7.
func (h *history) waitIsBounded(a ask) string {
	if a.ended.Sub(a.began) > min(a.patience, maxWait) {
		return "P7: it waited for too long"
	}
	return ""
}

// P2.
func (h *history) forcedFetchesAreBounded() (problems []string) {
	var last time.Time
	tokens := float64(forcedBurst)
	for _, f := range h.fetches {
		if f.cause == "seed" || f.cause == "none" { // another process
			tokens, last = forcedBurst, f.ended
		}
		if f.cause != string(forced) {
			continue
		}
		rest := f.began.Sub(last) + h.suspended(last, f.began)
		tokens = min(tokens+rest.Seconds()/forcedInterval.Seconds(), forcedBurst)
		last = f.began
		if tokens--; tokens < -0.001 {
			problems = append(problems, fmt.Sprintf("P2: too many forced fetches at %v", f.began.Sub(h.start)))
		}
	}
	return problems
}
