package tenants

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// A tenant is what a look-up has found, or that it has found nothing. It does not change: the
// next look-up makes another one.
type tenant struct {
	iss      string
	verifier *claims.Verifier // nil if there is no such tenant
	settings settings
	cache    *jwks.Cache  // nil if the settings have Keys
	proven   *atomic.Bool // a token of this tenant was verified
	at       time.Time    // when it was looked up
	ttl      time.Duration
	forgets  uint64 // Resolver.forgets when it was looked up

	void    atomic.Bool   // forgotten: its settings do not count any more, but its keys can stay
	touched atomic.Bool   // since the hand of its queue passed
	place   *list.Element // in its queue; guarded by Resolver.mu
	in      *queue        // guarded by Resolver.mu
}

// isCurrent reports whether the look-up still counts. A process that was frozen notices that by
// the wall clock, and a wall clock that was set back far is not believed.
func (t *tenant) isCurrent(now time.Time) bool {
	wall, monotonic := now.Round(0).Sub(t.at.Round(0)), now.Sub(t.at)
	return max(wall, monotonic) < t.ttl && wall > -maxStep && !t.void.Load()
}

// maxStep is how far the clock may be set back without notice.
const maxStep = 5 * time.Second

// maxAbsent is how many issuers are remembered that are none.
const maxAbsent = 1000

// A store remembers tenants, each in one of three queues. Readers find one without a lock. All
// else needs Resolver.mu.
type store struct {
	byIssuer               sync.Map // of *tenant
	used, unproven, absent queue
	evictions              uint64 // from used
}

func (s *store) init(maxTenants int) {
	s.used.max, s.unproven.max, s.absent.max = maxTenants, maxTenants, maxAbsent
}

func (s *store) find(iss string) *tenant {
	value, _ := s.byIssuer.Load(iss)
	t, _ := value.(*tenant)
	return t
}

// put remembers a tenant, in place of an older one with the same issuer.
func (s *store) put(t *tenant) {
	s.remove(s.find(t.iss))
	q := &s.unproven
	switch {
	case t.verifier == nil:
		q = &s.absent
	case t.proven.Load():
		q = &s.used
	}
	for q.order.Len() >= q.max {
		s.remove(q.victim())
		if q == &s.used {
			s.evictions++
		}
	}
	t.in = q
	t.place = q.order.PushFront(t)
	s.byIssuer.Store(t.iss, t)
}

func (s *store) remove(t *tenant) {
	if t == nil || t.place == nil {
		return
	}
	q := t.in
	if q.hand == t.place {
		q.hand = t.place.Prev()
	}
	q.order.Remove(t.place)
	t.place = nil
	s.byIssuer.CompareAndDelete(t.iss, t)
}

// A queue is a bounded list of tenants, the newest first. It evicts by SIEVE (Zhang et al., NSDI
// 2024): a tenant that was used since the hand passed stays. Unlike the least recently used, a
// few more tenants than there is room for do not push out all of them in turn.
type queue struct {
	order list.List
	hand  *list.Element
	max   int
}

func (q *queue) victim() *tenant {
	for steps := 2 * q.order.Len(); ; steps-- {
		if q.hand == nil {
			q.hand = q.order.Back()
		}
		t := q.hand.Value.(*tenant)
		if !t.touched.Swap(false) || steps <= 0 {
			return t
		}
		q.hand = q.hand.Prev()
	}
}
