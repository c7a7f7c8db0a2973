package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A story is what happens to the issuer and the API in one run.
type story struct {
	w        *world
	former   jwkstest.Key // the key before the rotation
	workers  int
	endFlood func()
	began    []time.Time // of each chapter
	ended    time.Time
}

// A chapter begins when its share of the duration is over.
type chapter struct {
	share float64
	title string
	what  string
	begin func(ctx context.Context, s *story)
}

var chapters = []chapter{
	{
		0, "usual", "Good requests, and the refusals of an ordinary day.",
		func(_ context.Context, s *story) { s.former = s.w.issuer.SigningKey() },
	}, {
		0.15, "new key", "The issuer signs with a new key. The first token of it causes one fetch.",
		func(_ context.Context, s *story) { s.w.issuer.Rotate() },
	}, {
		0.3, "old key removed", "The issuer removes the old key. No client uses it any more.",
		func(_ context.Context, s *story) { s.w.issuer.Retire(s.former.ID) },
	}, {
		0.36, "made-up keys", "A stranger sends as many requests as all clients, each with a key of its own.",
		func(ctx context.Context, s *story) { s.flood(ctx) },
	}, {
		0.5, "usual", "The stranger has gone.",
		func(_ context.Context, s *story) { s.endFlood() },
	}, {
		0.56, "issuer is down", "The issuer resets all connections. At first users do not notice it. Then the keys are too old.",
		func(_ context.Context, s *story) { s.w.breakDown() },
	}, {
		0.84, "issuer is back", "The issuer answers again.",
		func(_ context.Context, s *story) { s.w.issuer.Recover() },
	},
}

// perform runs all chapters, or those that begin before ctx is done.
func perform(ctx context.Context, c config, w *world, out io.Writer) *story {
	s := &story{w: w, workers: c.workers, endFlood: func() {}}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.duration)
	defer cancel()
	wait := w.employ(ctx, c.workers, usual)
	for _, ch := range chapters {
		at := time.Duration(ch.share * float64(c.duration))
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(start.Add(at))):
			fmt.Fprintf(out, "%5.1f s  %s\n", at.Seconds(), ch.what)
			s.began = append(s.began, time.Now())
			ch.begin(ctx, s)
		}
	}
	<-ctx.Done()
	s.endFlood()
	wait()
	s.ended = time.Now()
	return s
}

// flood starts a stranger's requests. They end with ctx, or with endFlood.
func (s *story) flood(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	wait := s.w.employ(ctx, s.workers, flood)
	s.endFlood = func() {
		cancel()
		wait()
	}
}
