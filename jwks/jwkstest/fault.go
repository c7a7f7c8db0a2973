package jwkstest

import "net/http"

// A Fault answers a request in place of the endpoint's own handler, which is next. A
// Fault may call next to get the good answer. It must return when the request's context
// is done, and it may panic with [http.ErrAbortHandler].
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// A faultQueue has the faults of one endpoint.
type faultQueue struct {
	next   []Fault // one for each of the next requests
	always Fault   // for every request after them; nil for the good answer
}

// Fail makes the endpoint answer with this fault until [Issuer.Recover] is called. The
// faults of [Issuer.FailNext] come first. It replaces the fault of an earlier Fail.
func (i *Issuer) Fail(e Endpoint, f Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.queue(e).always = f
}

// FailNext makes the endpoint answer the next n requests with this fault. The faults of
// earlier calls come first.
func (i *Issuer) FailNext(n int, e Endpoint, f Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := i.queue(e)
	for range n {
		q.next = append(q.next, f)
	}
}

// Recover ends the faults of these endpoints, or of all endpoints if none is named. It
// does not affect requests that have already been received.
func (i *Issuer) Recover(endpoints ...Endpoint) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(endpoints) == 0 {
		clear(i.faults)
	}
	for _, e := range endpoints {
		delete(i.faults, e)
	}
}

// queue returns the faults of an endpoint. The caller must hold mu.
func (i *Issuer) queue(e Endpoint) *faultQueue {
	if i.faults[e] == nil {
		i.faults[e] = new(faultQueue)
	}
	return i.faults[e]
}

// begin counts the request and returns its fault, or nil for the good answer.
func (i *Issuer) begin(e Endpoint) Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.counts[e]++
	q := i.faults[e]
	if q == nil {
		return nil
	}
	if len(q.next) == 0 {
		return q.always
	}
	f := q.next[0]
	q.next = q.next[1:]
	return f
}
