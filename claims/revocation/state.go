package revocation

import (
	"maps"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A state is an immutable list at one moment. Requests read it without a lock.
type state struct {
	base   table
	delta  []record // in the order of their keys; what it has is newer than base
	filter filter
	counts [numKinds]int
	asOf   time.Time // when the last complete reading of the shared list began
}

// maxDelta bounds what an addition copies. A longer delta becomes part of a new base.
const maxDelta = 4096

func newState(records []record, asOf time.Time) *state {
	s := &state{base: newTable(records), filter: newFilter(len(records) + maxDelta), asOf: asOf}
	s.filter.add(records)
	for _, r := range records {
		s.counts[r.kind()]++
	}
	return s
}

func (s *state) find(k key) (record, bool) {
	if n, found := slices.BinarySearchFunc(s.delta, record{key: k}, compareRecords); found {
		return s.delta[n], s.delta[n].expires != 0
	}
	return s.base.find(k)
}

func (s *state) total() (n int) {
	for _, count := range s.counts {
		n += count
	}
	return n
}

// revoked returns the kind of entry that refuses a token, and false if none does. It allocates
// nothing. issuer is the hash of the token's iss.
func (s *state) revoked(seeds *seeds, c *claims.Claims, issuer uint64, now func() second) (kind, bool) {
	for k := range numKinds {
		if s.counts[k] == 0 {
			continue
		}
		id, ok := k.of(c)
		if !ok {
			continue
		}
		low := seeds.low(k, issuer, id)
		if !s.filter.mayHave(low) {
			continue
		}
		r, found := s.find(key{seeds.high(k, c.Issuer(), id), low})
		if found && r.refuses(c.IssuedAt()) && r.expires > now() {
			return k, true
		}
	}
	return 0, false
}

// with returns a state with these changes, of which those without expires remove an entry. It
// has at most limit entries, and tells how many it had no room for. It returns s itself if
// nothing changes.
func (s *state) with(changes []record, now second, limit int) (next *state, refused int) {
	counts, effective := s.counts, make(map[key]record)
	total := s.total()
	for _, change := range changes {
		old, found := effective[change.key]
		if !found {
			old, found = s.find(change.key)
		}
		found = found && old.expires != 0
		switch removed := change.expires == 0; {
		case !removed && change.expires <= now, removed && !found:
			continue
		case removed:
			counts[change.kind()]--
			total--
		case found:
			change = change.merged(old)
			if change == old {
				continue
			}
		case total >= limit:
			refused++
			continue
		default:
			counts[change.kind()]++
			total++
		}
		effective[change.key] = change
	}
	if len(effective) == 0 {
		return s, refused
	}
	return s.overlaid(slices.SortedFunc(maps.Values(effective), compareRecords), counts, now), refused
}

// overlaid returns a state with changes that are in order, and that have been counted.
func (s *state) overlaid(changes []record, counts [numKinds]int, now second) *state {
	next := *s
	next.delta, next.counts = overlay(s.delta, changes), counts
	if len(next.delta) > maxDelta {
		return next.compacted(now)
	}
	next.filter.add(changes) // before a reader can see them
	return &next
}

// compacted returns s in one table, without what was removed or has expired.
func (s *state) compacted(now second) *state {
	gone := func(r record) bool { return r.expires <= now }
	return newState(slices.DeleteFunc(overlay(s.base.records, s.delta), gone), s.asOf)
}

// hasExpired reports whether an entry has expired.
func (s *state) hasExpired(now second) bool {
	expired := func(r record) bool { return r.expires != 0 && r.expires <= now }
	return slices.ContainsFunc(s.delta, expired) || slices.ContainsFunc(s.base.records, expired)
}

// at returns s with another asOf.
func (s *state) at(asOf time.Time) *state {
	next := *s
	next.asOf = asOf
	return &next
}
