package revocation

import (
	"context"
	"log/slog"
	"time"
)

const (
	// pollEvery is the least time between the beginnings of two polls.
	pollEvery = time.Second

	// requestPollsAfter is the age at which a request starts a poll. With Run, lists do not
	// become so old.
	requestPollsAfter = 2 * time.Second
)

// Run keeps a shared list current until ctx is done, and returns the error of ctx. It reads what
// is new once a second. Each reading has a goroutine, which ends with its calls of Do. Run of a
// list of this process only drops what has expired.
//
// Without Run, requests do the same: one that finds the list older than 2 seconds starts a
// reading, and only waits for it if the list is older than MaxAge. So a server that idles
// without Run can accept one token that was cut off up to MaxAge ago.
func (l *List) Run(ctx context.Context) error {
	ticks := time.NewTicker(pollEvery)
	defer ticks.Stop()
	for ctx.Err() == nil {
		if l.shared != nil {
			l.shared.startPoll()
		} else {
			_ = l.applyRecords(nil) // drops what has expired
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// startPoll returns a channel that is closed at the end of the poll that is under way. It returns
// nil if none is, because the last one began less than pollEvery ago.
func (s *shared) startPoll() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	// The ticks of Run may be a little early.
	if s.polling != nil || now.Sub(s.began) < pollEvery-pollEvery/10 {
		return s.polling
	}
	done := make(chan struct{})
	s.began, s.polling = now, done
	s.polls.Add(1)
	go func() { // ends with the calls of Do, each of which has a Timeout
		defer close(done)
		err := s.poll(now)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.polling, s.err = nil, err
	}()
	return done
}

// poll makes the list that of the server as of now.
func (s *shared) poll(now time.Time) error {
	ctx := context.Background() // the poll is of all requests: none can cancel it
	unsent := s.drain(ctx)
	s.outbox.pollBegins()
	err := s.read(ctx)
	s.outbox.pollEnds()
	if err != nil {
		s.failures.Add(1)
		if s.ageOf(s.list.state.Load()) > s.maxAge {
			s.noteStale(err)
		}
		return err
	}
	s.list.reached(now)
	if !s.noted.IsZero() {
		s.noted = time.Time{}
		s.list.log(slog.LevelInfo, "the shared list is current again")
	}
	return unsent
}

// reached notes that the list is that of the server at a time.
func (l *List) reached(asOf time.Time) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.state.Store(l.state.Load().at(asOf))
	if left := requestPollsAfter - time.Since(asOf); left > 0 {
		l.shared.aged.Store(false)
		l.shared.timer.Reset(left)
	}
}

// noteEvery is how often the log has that the list is too old.
const noteEvery = time.Hour

// noteStale logs that the list is too old, and why. Requests find that out before the poll that
// fails, but they do not know why.
func (s *shared) noteStale(err error) {
	problem := "the shared list is too old: requests are refused"
	switch now := time.Now(); {
	case !s.noted.IsZero() && now.Sub(s.noted) < noteEvery:
		return
	case s.list.state.Load().asOf.IsZero():
		problem = "the shared list was never read: requests are refused"
	case s.continues:
		problem = "the shared list is too old: tokens that were cut off since are accepted"
	}
	s.noted = time.Now()
	s.list.log(slog.LevelWarn, problem, slog.Any("error", err))
}
