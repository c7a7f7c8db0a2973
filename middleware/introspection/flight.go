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
// it. Nobody can cancel it. It ends after twice the timeout at the latest.
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
	if a := i.lookUp(q.id, now); a != nil {
		return nil, a, nil
	}
	if wait := i.lanes[q.lane].breaker.wait(now); wait > 0 {
		return nil, nil, outage(wait, errPaused)
	}
	if q.lane == unknownLane {
		if wait, ok := i.unknown.take(now); !ok {
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
	if f.err == nil {
		i.keep(q.id, f.answer)
	}
	i.mu.Lock()
	delete(i.flights, q.id)
	i.mu.Unlock()
	close(f.done)
}

// queue waits for a slot, and then makes the request.
func (i *Introspector) queue(ctx context.Context, q question) (*answer, error) {
	timer := time.NewTimer(i.timeout)
	defer timer.Stop()
	l := &i.lanes[q.lane]
	for _, slots := range [...]chan struct{}{l.slots, i.slots} {
		if slots == nil {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-timer.C:
			if slots == i.slots && l.slots != nil {
				<-l.slots
			}
			i.counts.limited.Add(1)
			return nil, outage(time.Second, errQueue)
		}
	}
	release := func() {
		<-i.slots
		if l.slots != nil {
			<-l.slots
		}
	}
	if wait := l.breaker.enter(time.Now()); wait > 0 { // it broke while this one waited
		release()
		return nil, outage(wait, errPaused)
	}
	return i.request(ctx, l, q, release)
}

// request makes the request, and tells the breaker, the counters and the log how it ended. release
// is called when all of it has ended, which can be later.
func (i *Introspector) request(ctx context.Context, l *lane, q question, release func()) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, i.timeout)
	defer cancel()
	type result struct {
		answer *answer
		err    error
	}
	results := make(chan result, 1)
	i.counts.inFlight.Add(1)
	go func() { // ends with the Client, which can ignore ctx
		r := result{err: errPanic}
		defer func() {
			_ = recover() // its value may have the token
			i.counts.inFlight.Add(-1)
			release()
			results <- r
		}()
		r.answer, r.err = i.call(ctx, q)
	}()
	r := result{err: errNoResponse}
	select {
	case r = <-results:
	case <-ctx.Done():
		select { // an answer that came at the same moment
		case r = <-results:
		default:
		}
	}
	pause := pauseOf(r.err)
	l.breaker.leave(time.Now(), isOutage(r.err), pause)
	i.counts.add(r.answer, r.err)
	if r.err == nil {
		i.log.answered(ctx)
		return r.answer, nil
	}
	i.log.failed(ctx, r.err)
	return nil, outage(max(pause, breakFor), r.err)
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
