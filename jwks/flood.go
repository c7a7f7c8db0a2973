package jwks

import (
	"log/slog"
	"time"
)

// What a flood of unknown keys is. A client that sends a bad token now and then is none.
const (
	floodSize   = 10 // look-ups
	floodWithin = time.Minute
	floodQuiet  = 5 * time.Minute // without one, it is over
)

// A flood is many look-ups of unknown keys that are answered without a fetch. The forced fetches are
// used up, or the issuer asked for a pause. The zero flood is none.
//
// The fetches log it: one ends about every ten seconds of a flood, since the bucket fills again.
type flood struct {
	window time.Time // when the look-ups of the last minute began
	recent int       // how many there are
	began  time.Time // of the flood; zero if there is none
	last   time.Time // look-up of the flood
	count  uint64    // of its look-ups
	told   bool      // its beginning is logged
}

// add counts a look-up.
func (f *flood) add(now time.Time) {
	if since, _ := elapsed(now, f.window); since > floodWithin {
		f.window, f.recent = now, 0
	}
	f.recent++
	switch {
	case !f.began.IsZero():
		f.count++
	case f.recent >= floodSize:
		f.began, f.count = f.window, uint64(f.recent)
	}
	f.last = now
}

// turn returns the flood as it is to be logged now: at its beginning, at its end, or at both.
func (f *flood) turn(now time.Time) (told flood, begins, ends bool) {
	if f.began.IsZero() {
		return flood{}, false, false
	}
	quiet, _ := elapsed(now, f.last)
	begins, ends = !f.told, quiet >= floodQuiet
	f.told, told = true, *f
	if ends {
		*f = flood{}
	}
	return told, begins, ends
}

// tellFlood logs the beginning and the end of a flood. It names no kid: they are of strangers.
func (c *Cache) tellFlood() {
	c.mu.Lock()
	f, begins, ends := c.flood.turn(c.now())
	c.mu.Unlock()
	attrs := []slog.Attr{slog.Uint64("lookups", f.count), slog.Time("began", f.began)}
	if begins {
		c.log.log(slog.LevelWarn, "a flood of unknown keys has begun: its tokens are answered without a fetch", attrs...)
	}
	if ends {
		length, _ := elapsed(f.last, f.began)
		attrs = append(attrs, slog.Duration("lasted", length.Round(time.Second)))
		c.log.log(slog.LevelInfo, "the flood of unknown keys is over", attrs...)
	}
}
