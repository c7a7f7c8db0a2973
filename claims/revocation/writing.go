package revocation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// errFull is for new entries that the server has no room for.
var errFull = errors.New("FULL the list has too many entries")

// add has the server take additions. Those that it does not take are sent again by the next poll,
// except those that the outbox has no room for.
func (s *shared) add(ctx context.Context, changes []change) error {
	var untaken, lost int
	var failure error
	for part := range slices.Chunk(changes, batch) {
		noRoom := s.outbox.add(part)
		if failure == nil || errors.Is(failure, errFull) {
			var err error
			if noRoom, err = s.flush(ctx, part, noRoom); err != nil {
				failure = err
			}
		}
		if failure == nil {
			continue
		}
		untaken += s.outbox.waits(part) + len(noRoom)
		lost += len(noRoom)
		if untaken == 0 {
			failure = nil // it was about changes of others
		}
	}
	if untaken == 0 {
		return nil
	}
	return notTaken(untaken, lost, failure)
}

// An outage is why a list could not take a change. It matches claims.ErrUnavailable.
type outage struct{ error }

func (o outage) Unwrap() []error { return []error{o.error, claims.ErrUnavailable} }

func notTaken(changes, lost int, err error) error {
	what := "which are sent again"
	if lost > 0 {
		what = fmt.Sprintf("%d of which are not sent again", lost)
	}
	return outage{fmt.Errorf("revocation: the server did not take %d changes, %s: %w", changes, what, err)}
}

// takeTurn waits for the turn to send additions, but no longer than a call takes. Otherwise a crowd
// of callers would wait for each other while the server hangs.
func (s *shared) takeTurn(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	select {
	case s.outbox.turn <- struct{}{}:
		return func() { <-s.outbox.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// flush makes one call, for changes that wait and for those that the outbox has no room for. Others
// go with it as far as they fit. So those who wait for their turn meanwhile may find theirs
// done. It returns those of noRoom that the server did not take.
func (s *shared) flush(ctx context.Context, changes, noRoom []change) (lost []change, err error) {
	leave, err := s.takeTurn(ctx)
	if err != nil {
		return noRoom, err
	}
	defer leave()
	if s.outbox.hurry(changes) == 0 && len(noRoom) == 0 {
		return nil, nil
	}
	_, lost, err = s.sendHead(ctx, noRoom)
	return lost, err
}

// drain sends each change that waits once. It begins no call after a Timeout: what is new must
// be read although the server is slow.
func (s *shared) drain(ctx context.Context) (full error) {
	began := time.Now()
	for left := s.outbox.size(); left > 0 && time.Since(began) < s.timeout; {
		leave, err := s.takeTurn(ctx)
		if err != nil {
			return err
		}
		sent, _, err := s.sendHead(ctx, nil)
		leave()
		switch {
		case errors.Is(err, errFull):
			full = err
		case err != nil:
			return err
		case sent == 0:
			return full // others have sent it
		}
		left -= sent
	}
	return full
}

// sendHead sends what waits in front, and changes that the outbox has no room for. The caller must
// have the turn.
func (s *shared) sendHead(ctx context.Context, noRoom []change) (sent int, lost []change, err error) {
	waiting := s.outbox.head(batch - len(noRoom))
	changes := append(waiting, noRoom...)
	if len(changes) == 0 {
		return 0, nil, nil
	}
	refused, err := s.send(ctx, changes, "0")
	if err != nil && !errors.Is(err, errFull) {
		return 0, noRoom, err
	}
	s.outbox.sent(changes, refused)
	for n, c := range noRoom {
		if refused[len(waiting)+n] {
			lost = append(lost, c)
		}
	}
	return len(changes), lost, err
}

// remove has the server take removals. They are not sent again: see outbox. A removal that the
// server carries out late, after its caller has given up, must not undo a newer addition either.
// So each has the time of the newest change in the server before it. It returns how many of changes
// the server has taken.
func (s *shared) remove(ctx context.Context, changes []change) (taken int, err error) {
	newest, err := s.eval(ctx, newestScript, nil)
	if err == nil && len(newest) != 1 {
		err = errReply
	}
	for err == nil && taken < len(changes) {
		part := changes[taken:min(taken+batch, len(changes))]
		if _, err = s.send(ctx, part, newest[0]); err == nil {
			taken += len(part)
		}
	}
	if err != nil {
		err = outage{fmt.Errorf("revocation: the server did not take %d removals, which are not sent again: %w", len(changes)-taken, err)}
	}
	return taken, err
}

// send returns the numbers of the changes that the server has no room for, with errFull.
func (s *shared) send(ctx context.Context, changes []change, newest string) (refused map[int]bool, err error) {
	args := []string{strconv.Itoa(s.list.maxEntries), newest}
	for _, c := range changes {
		letter, threshold, expires := c.stateTexts()
		args = append(args, c.identity(), letter, threshold, expires)
	}
	reply, err := s.eval(ctx, writeScript, args)
	switch {
	case err != nil:
		return nil, err
	case len(reply) == 1 && reply[0] == "OK":
		return nil, nil
	case len(reply) < 2 || reply[0] != "FULL":
		return nil, errReply
	}
	refused = make(map[int]bool)
	for _, text := range reply[1:] {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n >= len(changes) {
			return nil, errReply
		}
		refused[n] = true
	}
	return refused, errFull
}
