package jwks

import (
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// Peek looks for the keys of an alg and kid in what is there, and describes the set. It never
// starts a fetch or waits for one, and counts nothing. It is for explanations.
//
// The errors are those of [Cache.Keys], but a key that the present set lacks is
// [claims.ErrUnknownKey], whatever the age of the set. If no set is usable, the error is a
// [*claims.UnavailableError]. The description is valid in every case.
func (c *Cache) Peek(alg, kid string) ([]claims.Key, explain.KeySet, error) {
	s, now := c.current.Load(), c.now()
	keys, err := c.peek(s, now, alg, kid)
	return keys, s.explained(now), err
}

func (c *Cache) peek(s *snapshot, now time.Time, alg, kid string) ([]claims.Key, error) {
	switch {
	case !keyset.Supported(alg) || len(kid) > keyset.MaxKeyIDBytes:
		return nil, keyset.ErrUnknownKey
	case !s.usable(now):
		return nil, c.unavailable(s.latest.err)
	}
	keys, err := s.find(alg, kid)
	if err == nil && len(keys) == 0 {
		err = keyset.ErrUnknownKey
	}
	return keys, err
}

func (s *snapshot) explained(now time.Time) explain.KeySet {
	set := explain.KeySet{
		State:           string(s.state(now)),
		KeyIDs:          s.keys.KeyIDs(),
		NextRefresh:     now.Add(s.untilDue(now)),
		ClockDifference: s.clockAhead,
	}
	if s.good != nil {
		set.Age, _ = elapsed(now, s.good.began)
	}
	return set
}

// Peek is [Static.Keys] with a description of the set, which has no State and no age. It is
// for explanations.
func (s *Static) Peek(alg, kid string) ([]claims.Key, explain.KeySet, error) {
	if s == nil {
		return nil, explain.KeySet{}, keyset.ErrUnknownKey
	}
	keys, err := s.set.Find(alg, kid)
	return keys, explain.KeySet{KeyIDs: s.set.KeyIDs()}, err
}

// Peek is [Secrets.Keys] with a description of the set, which has no State and no age. The
// KeyIDs are sorted. It is for explanations.
func (s *Secrets) Peek(alg, kid string) ([]claims.Key, explain.KeySet, error) {
	if s == nil || s.index == nil {
		return nil, explain.KeySet{}, keyset.ErrUnknownKey
	}
	keys, err := s.index.Find(alg, kid)
	return keys, explain.KeySet{KeyIDs: s.index.KeyIDs()}, err
}
