package introspection

import (
	"context"
	"net/url"
	"time"

	"github.com/bearerguard/bearerguard/internal/fetch"
)

const maxAnswerBytes = 64 << 10

// A question is about one token.
type question struct {
	id            id
	issuer, token string
	lane          int
}

// A flight is one request to the endpoint, or the wait for it. All that ask about the token share
// it. No caller can cancel it. It ends after twice the timeout at the latest.
type flight struct {
	done chan struct{} // closed when the result is there

	// Set before done is closed.
	answer *answer
	err    error
}

// ask returns the answer of the endpoint, of a flight under way or of a new one.
func (i *Introspector) ask(ctx context.Context, q question) (*answer, error) {
	f, a, err := i.join(ctx, q)
	if f == nil {
		return a, err
	}
	select {
	case <-f.done:
		return f.answer, f.err
	case <-ctx.Done():
		return nil, outage(0, ctx.Err())
	}
}

// join returns a flight, an answer that has come meanwhile, or why there can be no flight.
func (i *Introspector) join(ctx context.Context, q question) (*flight, *answer, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if f := i.flights[q.id]; f != nil {
		return f, nil, nil
	}
	now := time.Now()
	if a, _ := i.lookUp(q.id, now); a != nil {
		return nil, a, nil
	}
	if wait := i.lanes[q.lane].breaker.wait(now); wait > 0 {
		i.counts.paused.Add(1)
		return nil, nil, outage(wait, errPaused)
	}
	if b := i.lanes[q.lane].bucket; b != nil {
		if wait, ok := b.take(now); !ok {
			i.counts.limited.Add(1)
			return nil, nil, outage(wait, errTooMany)
		}
	}
	f := &flight{done: make(chan struct{})}
	i.flights[q.id] = f
	go i.fly(context.WithoutCancel(ctx), f, q)
	return f, nil, nil
}

// fly ends the flight with its result.
func (i *Introspector) fly(ctx context.Context, f *flight, q question) {
	f.answer, f.err = i.queue(ctx, q)
	i.mu.Lock()
	if f.err == nil {
		i.keep(q.id, f.answer)
	}
	delete(i.flights, q.id)
	i.mu.Unlock()
	close(f.done)
}

// queue waits for a slot, and then makes the request.
func (i *Introspector) queue(ctx context.Context, q question) (*answer, error) {
	l := &i.lanes[q.lane]
	release := i.acquire(l)
	if release == nil {
		i.counts.queued.Add(1)
		return nil, outage(time.Second, errQueue)
	}
	if wait := l.breaker.enter(time.Now()); wait > 0 { // it broke while this one waited
		release()
		i.counts.paused.Add(1)
		return nil, outage(wait, errPaused)
	}
	began := time.Now()
	a, err := i.inTime(ctx, q, release)
	pause := pauseOf(err)
	l.breaker.leave(time.Now(), isOutage(err, q.lane), pause)
	i.counts.add(a, err, q.lane, time.Since(began))
	if err != nil {
		i.log.failed(ctx, err, q.lane)
		return nil, outage(max(pause, breakFor), err)
	}
	i.log.answered(ctx)
	return a, nil
}

// acquire waits for a slot of the lane, and for one of all requests, no longer than the timeout. It
// returns a function that gives them back, or nil.
func (i *Introspector) acquire(l *lane) (release func()) {
	timer := time.NewTimer(i.timeout)
	defer timer.Stop()
	select {
	case l.slots <- struct{}{}:
	case <-timer.C:
		return nil
	}
	select {
	case i.slots <- struct{}{}:
	case <-timer.C:
		<-l.slots
		return nil
	}
	return func() {
		<-i.slots
		<-l.slots
	}
}

// inTime makes the request, and waits for it no longer than the timeout, even if the Client ignores
// its context. release is called when the request has ended, so that those that hang are bounded.
func (i *Introspector) inTime(ctx context.Context, q question, release func()) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, i.timeout)
	defer cancel()
	type result struct {
		answer *answer
		err    error
	}
	results := make(chan result, 1)
	i.counts.inFlight.Add(1)
	go func() { // ends with the Client
		r := result{err: errPanic}
		defer func() {
			_ = recover() // its value may have the token
			i.counts.inFlight.Add(-1)
			release()
			results <- r
		}()
		r.answer, r.err = i.call(ctx, q)
	}()
	select {
	case r := <-results:
		return r.answer, r.err
	case <-ctx.Done():
		return nil, errNoResponse
	}
}

// call asks the endpoint (RFC 7662 section 2.1).
func (i *Introspector) call(ctx context.Context, q question) (*answer, error) {
	form := url.Values{"token": {q.token}, "token_type_hint": {"access_token"}}
	authorization, err := i.authenticate(ctx, q.issuer, form)
	if err != nil {
		return nil, &credentialError{err}
	}
	began := time.Now()
	res, err := i.client.Post(ctx, fetch.Request{
		What: "the endpoint", URL: i.endpoint, Accept: i.accept, MaxBytes: maxAnswerBytes,
	}, form, authorization)
	if err != nil {
		return nil, err
	}
	document := string(res.Body)
	if i.verifier != nil {
		if document, err = i.verifier.open(ctx, q.issuer, document, time.Now()); err != nil {
			return nil, err
		}
	}
	return i.reader.read(q.issuer, document, began)
}
