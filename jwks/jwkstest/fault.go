package jwkstest

import "net/http"

// A Fault answers a request in place of the endpoint, whose own handler is next. It
// may call next for the good answer. It has to return when the request's context is
// done, and it may panic with [http.ErrAbortHandler].
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// A faultQueue is what happens to the next requests of one endpoint: first what is
// queued, then, if set, what lasts.
type faultQueue struct {
	next   []Fault
	always Fault
}

// Fail breaks all further requests to the endpoint, behind those of
// [Issuer.FailNext], until [Issuer.Recover]. It replaces the fault of an earlier Fail.
func (i *Issuer) Fail(e Endpoint, f Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.queue(e).always = f
}

// FailNext breaks the next n requests to the endpoint, behind those that an earlier
// FailNext breaks.
func (i *Issuer) FailNext(n int, e Endpoint, f Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := i.queue(e)
	for range n {
		q.next = append(q.next, f)
	}
}

// Recover ends the faults of these endpoints, or of all if none is named. Requests
// that are being broken already are not affected.
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

// queue is called with mu held.
func (i *Issuer) queue(e Endpoint) *faultQueue {
	if i.faults[e] == nil {
		i.faults[e] = new(faultQueue)
	}
	return i.faults[e]
}

// begin counts the request and takes its fault, which is nil for a good answer.
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
