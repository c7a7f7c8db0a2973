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

	// overlap is how far the clock of the server may go back at a failover. A poll reads again what
	// changes could then have come between.
	overlap = 5 * time.Second

	// reloadEvery is how often the whole list is read again, for changes that the overlap
	// missed. It is up to a fifth less, so that processes that started together do not do it
	// together every time.
	reloadEvery = 5 * time.Minute

	// reloadChunks and reloadFor bound how much of it one poll reads, so that what is new does not
	// wait, and so that the list does not become too old meanwhile. A server can be slow.
	reloadChunks = 50
	reloadFor    = pollEvery

	// applyChunks bounds the memory of a reading.
	applyChunks = 64

	// lossSpread is the time within which processes read the whole list of a server that has lost
	// changes. The first ones give back what is missing, so that the others need not.
	lossSpread = 10 * time.Second
)

// A reading is how far the list in the server has been read.
type reading struct {
	loaded    bool
	time      float64   // of the newest change that was read
	seen      time.Time // when it was first read
	newest    member    // that change, if it can be read
	from      float64   // where the next reading of what is new begins
	began     time.Time // when the reading of what is new began that broke off; zero if none did
	reload    float64   // where the reload that is under way goes on
	reloading bool
	next      time.Time // when the next one begins
	malformed bool      // one has been logged
	untrimmed time.Time // when the log last had that the server does not forget
}

// read reads what is new, and a part of the whole list if that is due. What was interrupted goes
// on where it was: over a bad connection, a long reading would never end otherwise.
func (s *shared) read(ctx context.Context) error {
	if err := s.readNew(ctx); err != nil {
		return err
	}
	r := &s.reading
	if now := time.Now(); !r.reloading && !now.Before(r.next) {
		r.reloading, r.reload, r.next = true, 0, now.Add(reloadEvery-rand.N(reloadEvery/5))
		s.copies.reading++
	}
	if !r.reloading {
		return nil
	}
	chunks, limit := reloadChunks, time.Duration(reloadFor)
	if !r.loaded {
		chunks, limit = math.MaxInt, math.MaxInt64
	}
	found := page{isNew: !r.loaded}
	end, complete, err := s.readFrom(ctx, &found, r.reload, chunks, limit)
	r.reload = end
	if err != nil || !complete {
		return err
	}
	// Not the later one of both: a server that has lost its data may count anew. If nothing is newer
	// or lost, the reading of what is new goes on as before, and reads no crowd of changes again.
	if !r.loaded || end != r.time {
		r.time, r.seen = end, time.Now()
		r.from = r.fromOverlap(r.seen)
	}
	r.loaded, r.reloading, r.newest = true, false, found.newest
	s.giveBack()
	return nil
}

// readNew reads what is new since the last reading.
func (s *shared) readNew(ctx context.Context) error {
	r := &s.reading
	if !r.loaded {
		return nil
	}
	if r.began.IsZero() {
		r.began = time.Now()
	}
	found := page{isNew: true, awaited: r.newest.identity}
	end, _, err := s.readFrom(ctx, &found, r.from, math.MaxInt, math.MaxInt64)
	if r.from = end; end > r.time {
		r.time, r.seen = end, time.Now()
	}
	if err != nil {
		if found.arrived {
			r.newest = found.newest // the next reading goes on behind what was awaited
		}
		return err
	}
	r.from, r.began = r.fromOverlap(r.began), time.Time{}
	// The newest change that was read must be there, or a newer one of its entry.
	if now := time.Now(); r.newest.expires > s.list.now() && !found.arrived && r.next.After(now.Add(lossSpread)) {
		r.next = now.Add(rand.N(lossSpread))
		s.list.log(slog.LevelWarn, "the server has lost changes of the shared list, which is read again")
	}
	r.newest = found.newest
	return nil
}

// giveBack makes the next poll send what the server has lost.
func (s *shared) giveBack() {
	lost := s.copies.lost(s.list.now())
	if len(lost) == 0 {
		return
	}
	s.outbox.add(lost) // what it has no room for is still lost at the next reading
	s.givenBack.Add(uint64(len(lost)))
	s.list.log(slog.LevelWarn, "the server has lost entries of the shared list, and the newest are sent again",
		slog.Int("entries", len(lost)), slog.Int("list", s.list.state.Load().total()))
}

// fromOverlap returns the least time that a change can have which a reading that began then has not
// met. The clock of the server has moved on since the newest change, by more than the time since it
// was seen. So a crowd of changes is not read again with each poll until the next change.
func (r *reading) fromOverlap(began time.Time) float64 {
	again := min(max(overlap-began.Sub(r.seen), 0), overlap)
	return max(0, r.time-float64(again/time.Microsecond))
}

// readFrom reads what has changed at or after a time, in at most so many chunks. It begins no
// other one after the limit, but always reads one, so that each call gets further. It returns the
// time of the last change that it has read, and whether it has read all. The time is that of the
// beginning if the list had no room: what it has no room for must be read again.
func (s *shared) readFrom(ctx context.Context, found *page, from float64, chunks int, limit time.Duration) (end float64, complete bool, err error) {
	defer func() {
		if full := s.take(found); full != nil {
			end, complete, err = from, false, errors.Join(err, full)
		}
	}()
	end = from
	least, began := formatTime(from), time.Now()
	for n := 0; n == 0 || n < chunks && time.Since(began) < limit; n++ {
		reply, err := s.eval(ctx, readScript, []string{least, strconv.Itoa(chunk)})
		if err != nil {
			return end, false, err
		}
		last, err := found.add(reply, s.list.now())
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
			if err := s.take(found); err != nil {
				return from, false, err
			}
		}
	}
	return end, false, nil
}

func formatTime(time float64) string { return strconv.FormatFloat(time, 'f', -1, 64) }

var (
	errReply = errors.New("the server gave a reply that the script never gives")
	errNil   = errors.New("a null reply: for an empty array, Do must return an empty slice and not nil")
)

// A page is what was read and is not yet in the list.
type page struct {
	changes   []change
	chunks    int
	malformed int
	expired   []string // identities

	isNew   bool   // what is read is new, and not the whole list again
	awaited string // an identity
	arrived bool   // whether it was read
	newest  member // the last one that was read
}

// A member is an identity of the server.
type member struct {
	identity string
	expires  second
}

// add reads the reply of readScript, and returns the time of its last change.
func (p *page) add(reply []string, now second) (last float64, err error) {
	switch {
	case reply == nil: // also of a Do that swallows errors: it must not make the list look current
		return 0, errNil
	case len(reply)%3 != 0 || len(reply) > 3*chunk:
		return 0, errReply
	}
	p.chunks++
	for n := 0; n < len(reply); n += 3 {
		time, err := strconv.ParseFloat(reply[n], 64)
		if err != nil || !(math.Abs(time) <= maxScore) {
			return 0, errReply
		}
		last = time
		identity := reply[n+1]
		c, ok := parseMember(identity, reply[n+2])
		if !ok {
			p.malformed++
			p.newest = member{}
			continue
		}
		p.arrived = p.arrived || identity == p.awaited
		p.newest = member{identity, c.expires}
		if c.expires <= now {
			p.expired = append(p.expired, identity)
		} else {
			p.changes = append(p.changes, c)
		}
	}
	return last, nil
}

// take puts what was read into the list, also before an error: what was cut off stays cut off.
// It has the server forget what has expired.
func (s *shared) take(p *page) error {
	s.noteMalformed(p.malformed)
	records := make([]record, len(p.changes))
	for n, c := range p.changes {
		records[n] = c.record(&s.list.seeds)
		if !p.isNew || len(p.changes)-n <= maxCopies { // the others would soon make room
			s.copies.met(c, p.isNew)
		}
	}
	err := s.list.applyRead(records, func() map[key]bool { return s.outbox.keys(&s.list.seeds) })
	for n := 0; n < len(p.expired); n += chunk {
		s.noteUntrimmed(s.run(context.Background(), trimScript, p.expired[n:min(n+chunk, len(p.expired))]))
	}
	p.changes, p.chunks, p.malformed, p.expired = nil, 0, 0, nil
	return err
}

// noteUntrimmed logs why the server does not forget what has expired, at most once an hour. Those
// entries are no part of the list, so no figure shows that the server fills up with them.
func (s *shared) noteUntrimmed(err error) {
	now := time.Now()
	if err == nil || errors.Is(err, context.DeadlineExceeded) || now.Sub(s.reading.untrimmed) < noteEvery {
		return
	}
	s.reading.untrimmed = now
	s.list.log(slog.LevelWarn, "the server does not forget expired entries of the shared list, and can become full of them", slog.Any("error", err))
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
