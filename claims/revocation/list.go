package revocation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/redact"
)

// A List refuses tokens that were cut off before they expire. [List.Protect] puts it in front of
// an issuer, and [List.Add] cuts off.
//
// An entry is forgotten when all tokens that it refuses have expired, and never before, unless
// [List.Remove] takes it off the list.
//
// A List is safe for concurrent use. It has nothing to close, and its goroutines end with the
// calls of Config.Do.
type List struct {
	seeds      seeds
	began      time.Time
	logger     *slog.Logger
	maxEntries int
	lifetimes  lifetimes
	shared     *shared // nil for a list of this process only

	state atomic.Pointer[state]

	writing sync.Mutex // serialises changes of state, and guards the field below
	tidied  time.Time

	refused                 [numKinds]atomic.Uint64
	overLimit               atomic.Uint64
	logouts, logoutsRefused atomic.Uint64
}

// Protect returns a copy of issuer whose Validate asks the list first, and then the Validate that
// it had. So the list is asked on every request, for remembered tokens and those of streams, too.
// The list must know the MaxLifetime of an issuer for all entries that are not of kind Token.
//
// Protect can be called at any time. A program that only adds entries calls it as well, and
// needs no more than the URL and the MaxLifetime, which must be the same in all programs that
// share the list. Of several limits of an issuer the longest one counts. If one of them is 0, which
// is no limit, such entries are errors of Add.
func (l *List) Protect(issuer claims.Issuer) claims.Issuer {
	l.lifetimes.set(issuer.URL, issuer.MaxLifetime)
	validate, url, hash := issuer.Validate, issuer.URL, l.seeds.lowIssuer(issuer.URL)
	issuer.Validate = func(ctx context.Context, c *claims.Claims) error {
		hash := hash
		if c.Issuer() != url { // the hook was copied to another issuer
			hash = l.seeds.lowIssuer(c.Issuer())
		}
		if err := l.check(ctx, c, hash); err != nil || validate == nil {
			return err
		}
		return validate(ctx, c)
	}
	return issuer
}

// Check returns nil for the claims of a token that was not cut off. Otherwise its error matches
// claims.ErrRevoked, or claims.ErrUnavailable if a shared list is too old to say so. It is what
// Protect adds to Validate. A handler that serves one caller for long can call it as often as it
// likes, such as for each message. Of claims without any member, such as new(claims.Claims), it
// says whether the list can be asked.
//
// Check allocates nothing for a token that is good. It waits only for a list that is too old, at
// most for Config.Timeout.
func (l *List) Check(ctx context.Context, c *claims.Claims) error {
	return l.check(ctx, c, l.seeds.lowIssuer(c.Issuer()))
}

// check is Check with the hash of the issuer of c.
func (l *List) check(ctx context.Context, c *claims.Claims, hash uint64) error {
	err := l.judge(l.state.Load(), c, hash)
	if l.shared == nil || !l.shared.aged.Load() {
		return err
	}
	if err != nil {
		l.shared.startPoll() // the entry can have been removed, and no other request may come
		return err
	}
	tooOld := l.shared.usable(ctx)
	if err := l.judge(l.state.Load(), c, hash); err != nil {
		return err // also by a list that is too old
	}
	return tooOld
}

func (l *List) judge(s *state, c *claims.Claims, hash uint64) error {
	k, revoked := s.revoked(&l.seeds, c, hash, l.now)
	if !revoked {
		return nil
	}
	l.refused[k].Add(1)
	return fmt.Errorf("revocation: %w: by an entry of kind %s", claims.ErrRevoked, kindNames[k])
}

// Add cuts off the tokens of entries. All entries are checked before the first one is added: an
// error for what is wrong with an entry means that nothing was done. All other errors match
// claims.ErrUnavailable: the list is full, or the server did not take an entry.
//
// A shared list is changed in this process first, and then in the server. If the server does not
// take an entry, Add returns an error. This process refuses the tokens nevertheless, and other
// processes accept them. The entry waits, and is sent again with each reading, so a program that
// only adds entries should call Add again, or Run. At most 10,000 entries wait. The error says
// how many others are not sent again. Those of a process that ends are lost.
//
// Add waits for the server, at most for twice Config.Timeout for each 100 entries. After a failed
// call it makes no other, so an Add during an outage ends after twice Config.Timeout.
func (l *List) Add(ctx context.Context, entries ...Entry) error {
	return l.add(ctx, applicationSkew, entries...)
}

func (l *List) add(ctx context.Context, skew time.Duration, entries ...Entry) error {
	now := time.Now()
	changes, err := changesOf(entries, func(e *Entry) (change, error) {
		if known := l.lifetimes.almost(e.Issuer); known != "" { // it would cut nothing off
			return change{}, fmt.Errorf("revocation: invalid Entry.Issuer %q: List.Protect knows %q, and the slash is part of it", redact.URL(e.Issuer), redact.URL(known))
		}
		return e.addition(now, skew, l.lifetimes.of(e.Issuer))
	})
	switch {
	case err != nil || len(changes) == 0:
		return err
	case l.shared == nil:
		return l.apply(changes)
	}
	defer l.shared.outbox.begins(changes)()
	return errors.Join(l.apply(changes), l.shared.add(ctx, changes))
}

// Remove takes entries off the list again, such as one that was added by mistake. Only Kind,
// Issuer and ID of each count. Tokens that another entry refuses are still refused. The errors are
// those of Add.
//
// A shared list is changed in this process first, and then in the server. If the server does not
// take a removal, Remove returns an error, and this process, like all others, refuses the tokens
// again. A removal is not sent again, because it would undo what another process has added since:
// the caller tries again. Entries that waited to be sent are forgotten in any case. Remove waits
// for the server, at most for Config.Timeout, and as long again for each 100 entries.
//
// The server keeps a removed entry for an hour or more, for processes that missed the removal.
// Until then it counts towards Config.MaxEntries there.
func (l *List) Remove(ctx context.Context, entries ...Entry) error {
	now := time.Now()
	changes, err := changesOf(entries, func(e *Entry) (change, error) { return e.removal(now) })
	switch {
	case err != nil || len(changes) == 0:
		return err
	case l.shared == nil:
		return l.apply(changes)
	}
	return l.removeShared(ctx, changes)
}

// removeShared removes entries here and in the server. Those that the server may still have are on
// the list of this process again: it must not be the only one that accepts their tokens.
func (l *List) removeShared(ctx context.Context, changes []change) error {
	waited := l.shared.outbox.drop(changes)
	before := l.state.Load()
	if err := l.apply(changes); err != nil {
		return err
	}
	taken, err := l.shared.remove(ctx, changes)
	var still []record
	for _, c := range changes[taken:] {
		r, found := before.find(l.seeds.key(c.kind, c.issuer, c.id))
		if found && !waited[c.subject()] {
			still = append(still, r)
		}
	}
	return errors.Join(err, l.applyRecords(still))
}

// changesOf reports all mistakes in entries.
func changesOf(entries []Entry, read func(*Entry) (change, error)) ([]change, error) {
	var errs []error
	changes := make([]change, len(entries))
	for n := range entries {
		var err error
		if changes[n], err = read(&entries[n]); err != nil {
			errs = append(errs, err)
		}
	}
	return changes, errors.Join(errs...)
}

// apply changes the list of this process. It returns an error if the list is full.
func (l *List) apply(changes []change) error {
	records := make([]record, len(changes))
	for n, c := range changes {
		records[n] = c.record(&l.seeds)
	}
	return l.applyRecords(records)
}

func (l *List) applyRecords(records []record) error {
	return l.applyRead(records, func() map[key]bool { return nil })
}

// applyRead is applyRecords for what was read from the server. A removal does not undo a recent
// addition of this process, which is newer or was not read yet.
func (l *List) applyRead(records []record, recent func() map[key]bool) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if removes := func(r record) bool { return r.expires == 0 }; slices.ContainsFunc(records, removes) {
		keys := recent() // under the lock: no addition comes between
		records = slices.DeleteFunc(records, func(r record) bool { return removes(r) && keys[r.key] })
	}
	l.tidy(l.state.Load().total()+len(records) > l.maxEntries)
	next, refused := l.state.Load().with(records, l.now(), l.maxEntries)
	l.state.Store(next)
	if refused > 0 {
		l.overLimit.Add(uint64(refused))
		return outage{fmt.Errorf("revocation: the list is full: %d entries were not added, because MaxEntries is %d", refused, l.maxEntries)}
	}
	return nil
}

// tidyEvery is how often entries that have expired are looked for.
const tidyEvery = time.Minute

// tidy drops what has expired, once in tidyEvery or if asked to. The caller must hold writing.
func (l *List) tidy(at bool) {
	if now := time.Now(); at || now.Sub(l.tidied) >= tidyEvery {
		l.tidied = now
		if s := l.state.Load(); s.hasExpired(l.now()) {
			l.state.Store(s.compacted(l.now()))
		}
	}
}

// now returns the time by which entries expire. It is the earlier of two: that of the wall clock,
// and that of New plus the time that has really passed since. So no entry is lost while the clock is
// wrong.
func (l *List) now() second {
	now := time.Now()
	return secondOf(min(now.Unix(), l.began.Unix()+int64(now.Sub(l.began)/time.Second)))
}

func (l *List) log(level slog.Level, message string, attrs ...slog.Attr) {
	logger := l.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(context.Background(), level, "revocation: "+message, attrs...)
}
