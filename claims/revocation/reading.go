package revocation

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

const (
	// chunk is how many changes one call reads.
	chunk = 1000

	// overlap is how far back a poll reads again. After a failover, the clock of the server may
	// be behind the times that have been read.
	overlap = 5 * time.Second

	// reloadEvery is how often the whole list is read again, for changes that the overlap
	// missed. It is up to a fifth less, so that processes that started together do not do it
	// together every time.
	reloadEvery = 5 * time.Minute

	// reloadChunks bounds how much of it one poll reads, so that what is new does not wait.
	reloadChunks = 50

	// applyChunks bounds the memory of a reading.
	applyChunks = 64
)

// A reading is how far the list in the server has been read.
type reading struct {
	loaded    bool
	time      float64 // of the newest change that was read
	from      float64 // where the next reading of what is new begins
	reload    float64 // where the reload that is under way goes on
	reloading bool
	next      time.Time // when the next one begins
	malformed bool      // one has been logged
}

// read reads what is new, and a part of the whole list if that is due. What was interrupted goes
// on where it was: over a bad connection, a long reading would never end otherwise.
func (s *shared) read(ctx context.Context) error {
	r := &s.reading
	if r.loaded {
		end, _, err := s.readFrom(ctx, r.from, math.MaxInt)
		r.time, r.from = max(r.time, end), end
		if err != nil {
			return err
		}
		r.from = beforeOverlap(r.time)
	}
	if now := time.Now(); !r.reloading && !now.Before(r.next) {
		r.reloading, r.reload, r.next = true, 0, now.Add(reloadEvery-rand.N(reloadEvery/5))
	}
	if !r.reloading {
		return nil
	}
	chunks := reloadChunks
	if !r.loaded {
		chunks = math.MaxInt
	}
	end, complete, err := s.readFrom(ctx, r.reload, chunks)
	r.reload = end
	if err != nil {
		return err
	}
	if complete {
		// Not the later one of both: a server that has lost its data may count anew.
		r.loaded, r.reloading, r.time, r.from = true, false, end, beforeOverlap(end)
	}
	return nil
}

func beforeOverlap(t float64) float64 { return max(0, t-float64(overlap/time.Microsecond)) }

// readFrom reads what has changed at or after a time, in at most so many chunks. It returns the
// time of the last change that it has read, and whether it has read all. The time is that of the
// beginning if the list had no room: what it has no room for must be read again.
func (s *shared) readFrom(ctx context.Context, from float64, chunks int) (end float64, complete bool, err error) {
	var found page
	defer func() {
		if full := s.take(&found); full != nil {
			end, complete, err = from, false, errors.Join(err, full)
		}
	}()
	end = from
	least := formatTime(from)
	for range chunks {
		reply, err := s.eval(ctx, readScript, []string{least, strconv.Itoa(chunk)})
		if err != nil {
			return end, false, err
		}
		last, err := found.add(&s.list.seeds, reply, s.list.now())
		switch {
		case err != nil:
			return end, false, err
		case len(reply) == 0:
			return end, true, nil
		case last < end:
			return end, false, errReply
		}
		end, least = last, "("+formatTime(last)
		if len(reply) < 3*chunk {
			return end, true, nil
		}
		if found.chunks >= applyChunks {
			if err := s.take(&found); err != nil {
				return from, false, err
			}
		}
	}
	return end, false, nil
}

func formatTime(time float64) string { return strconv.FormatFloat(time, 'f', -1, 64) }

var errReply = errors.New("the server gave a reply that the script does not have")

// A page is what was read and is not yet in the list.
type page struct {
	records   []record
	chunks    int
	malformed int
	expired   []string // identities
}

// add reads the reply of readScript, and returns the time of its last change.
func (p *page) add(seeds *seeds, reply []string, now second) (last float64, err error) {
	if reply == nil || len(reply)%3 != 0 || len(reply) > 3*chunk {
		return 0, errReply
	}
	p.chunks++
	for n := 0; n < len(reply); n += 3 {
		time, err := strconv.ParseFloat(reply[n], 64)
		if err != nil || !(math.Abs(time) <= maxScore) {
			return 0, errReply
		}
		last = time
		switch c, ok := parseMember(reply[n+1], reply[n+2]); {
		case !ok:
			p.malformed++
		case c.expires <= now:
			p.expired = append(p.expired, reply[n+1])
		default:
			p.records = append(p.records, c.record(seeds))
		}
	}
	return last, nil
}

// take puts what was read into the list, also before an error: what was cut off stays cut off.
// It has the server forget what has expired.
func (s *shared) take(p *page) error {
	s.noteMalformed(p.malformed)
	err := s.list.applyRead(p.records, func() map[key]bool { return s.outbox.keys(&s.list.seeds) })
	for n := 0; n < len(p.expired); n += chunk {
		// Whether that works shows in the size of the list.
		_ = s.run(context.Background(), trimScript, p.expired[n:min(n+chunk, len(p.expired))])
	}
	*p = page{}
	return err
}

// noteMalformed counts members that this package has not written, and logs the first ones. They
// do not make the list stale: one of them must not become an outage of each API that shares the
// list.
func (s *shared) noteMalformed(n int) {
	if n == 0 {
		return
	}
	s.malformed.Add(uint64(n))
	if !s.reading.malformed {
		s.reading.malformed = true
		s.list.log(slog.LevelError, "the shared list has entries that cannot be read, and that cut nothing off", slog.Int("entries", n))
	}
}
