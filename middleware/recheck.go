package middleware

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

const (
	// recheckEvery is how often the token of a long request is verified again. It is the
	// longest time for which a withdrawn token keeps its streams.
	recheckEvery = 30 * time.Second

	// recheckTimeout bounds a check. A KeySet waits at most 3 seconds.
	recheckTimeout = 10 * time.Second

	// undecidedLimit is how long a request goes on while no check can decide. An outage of a
	// few seconds must not end all streams of a server at once.
	undecidedLimit = 2 * time.Minute
)

// A recheck verifies the token of a long request again and again, until its context ends.
type recheck struct {
	m   *Middleware
	v   *verified
	ctx context.Context
	end context.CancelCauseFunc

	next      *time.Timer           // runs check
	undecided *time.Timer           // runs giveUp; reset by each check that finds the token valid
	outage    atomic.Pointer[Error] // why the last check could not decide
}

// recheck ends ctx by end once the token of v is not valid any more. It stops when ctx ends.
func (m *Middleware) recheck(ctx context.Context, end context.CancelCauseFunc, v *verified) {
	r := &recheck{m: m, v: v, ctx: ctx, end: end}
	r.undecided = time.AfterFunc(undecidedLimit, r.giveUp)
	r.next = time.AfterFunc(undecidedLimit, r.check)
	r.next.Reset(untilRecheck()) // now that check finds it
	context.AfterFunc(ctx, func() {
		r.next.Stop()
		r.undecided.Stop()
	})
}

// untilRecheck returns up to a fifth less than recheckEvery. Streams that began together,
// after a restart, must not ask a hook together every time.
func untilRecheck() time.Duration { return recheckEvery - rand.N(recheckEvery/5) }

func (r *recheck) check() {
	e := r.verify()
	switch {
	case r.ctx.Err() != nil:
		return
	case e == nil:
		r.undecided.Reset(undecidedLimit)
		r.outage.Store(nil)
	case e.Status == http.StatusServiceUnavailable:
		r.m.log(r.ctx, r.ctx, e)
		r.outage.Store(e)
	default:
		r.refuse(e)
		return
	}
	r.next.Reset(untilRecheck())
}

const (
	errNoCheck  = detail("the Verifier did not return")
	errPanicked = detail("the Verifier panicked")
)

// giveUp ends a request whose token no check could find valid for undecidedLimit.
func (r *recheck) giveUp() {
	e := r.outage.Load()
	if e == nil {
		e = unavailable(claims.ErrUnavailable, errNoCheck)
	}
	r.refuse(e)
}

// refuse reports e and ends the request, also if Config.Observe panics.
func (r *recheck) refuse(e *Error) {
	defer r.end(e)
	defer func() {
		if recover() != nil {
			r.panicked("observing the end of a long request")
		}
	}()
	r.m.report(r.ctx, r.v.request(), e)
}

// panicked logs a panic that was recovered. No server recovers these goroutines: a hook that
// panics would end the process.
func (r *recheck) panicked(what string) {
	r.m.slog().LogAttrs(r.ctx, slog.LevelError, "middleware: "+what+" panicked",
		slog.String("stack", string(debug.Stack()))) // without the value, which may have a token
}

// verify verifies the token again.
func (r *recheck) verify() (e *Error) {
	defer func() {
		if recover() != nil {
			r.panicked("verifying a token again")
			e = unavailable(claims.ErrUnavailable, errPanicked)
		}
	}()
	ctx, cancel := context.WithTimeout(r.ctx, recheckTimeout)
	defer cancel()
	_, e = r.m.verify(ctx, []string{r.v.authorization}, r.v.proofs)
	return e
}
