package tenants

import "time"

const (
	bucketSize = 64.0
	bucketRate = 20.0 // per second
)

// A bucket limits the look-ups that find no tenant. They are charged when they end, because only
// then it is known, so that the level can fall below zero: by no more than are under way at
// once.
type bucket struct {
	level float64
	at    time.Time
}

func (b *bucket) isEmpty(now time.Time) bool {
	b.fill(now)
	return b.level < 1
}

func (b *bucket) take(now time.Time) {
	b.fill(now)
	b.level = max(b.level-1, -maxLookups)
}

func (b *bucket) fill(now time.Time) {
	if passed := now.Sub(b.at).Seconds(); passed > 0 && !b.at.IsZero() {
		b.level = min(b.level+passed*bucketRate, bucketSize)
	}
	b.at = now
}
