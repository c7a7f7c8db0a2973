package tenants

import "time"

const (
	bucketSize = 64.0
	bucketRate = 20.0 // per second
)

// A bucket limits the look-ups that find no tenant. It is charged when one ends, because only then
// it is known. Until then, a place in it is kept.
type bucket struct {
	level float64
	kept  float64
	at    time.Time
}

func (b *bucket) isEmpty(now time.Time) bool {
	b.fill(now)
	return b.level < 1
}

// keep keeps a place for a look-up, and reports whether there was one.
func (b *bucket) keep(now time.Time) bool {
	b.fill(now)
	if b.level-b.kept < 1 {
		return false
	}
	b.kept++
	return true
}

// settle ends what keep began. A look-up that has found a tenant costs nothing.
func (b *bucket) settle(found bool) {
	b.kept--
	if !found {
		b.level--
	}
}

func (b *bucket) fill(now time.Time) {
	if passed := now.Sub(b.at).Seconds(); passed > 0 && !b.at.IsZero() {
		b.level = min(b.level+passed*bucketRate, bucketSize)
	}
	b.at = now
}
