package revocation

import (
	"container/list"
	"slices"
	"sync"
)

const (
	// batch is how many changes one call writes.
	batch = 100

	// maxWaiting bounds the additions that the server did not take.
	maxWaiting = 10_000
)

// An outbox has the additions of this process that the server must take. Each entry waits once.
// Their order does not matter, because an addition never shortens what is there. Removals do not
// wait: one that is sent again would undo a newer addition of another process.
type outbox struct {
	turn chan struct{} // has an element while one goroutine sends additions

	mu      sync.Mutex // guards the fields below
	waiting map[change]*list.Element
	order   list.List // of change, which is what waiting has
	adding  map[*change][]change
	polling bool
	recent  []change // additions that the poll, which is under way, may not have read
}

func newOutbox() outbox {
	return outbox{turn: make(chan struct{}, 1), waiting: make(map[change]*list.Element), adding: make(map[*change][]change)}
}

// subject returns c without times: what waiting has as its key.
func (c change) subject() change { return change{kind: c.kind, issuer: c.issuer, id: c.id} }

// begins notes additions before the list of this process has them. No poll undoes them until the
// returned function is called.
func (o *outbox) begins(changes []change) (ends func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.adding[&changes[0]] = changes
	if o.polling {
		o.recent = append(o.recent, changes...)
	}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.adding, &changes[0])
	}
}

// add has additions wait. It returns those that it has no room for.
func (o *outbox) add(changes []change) (noRoom []change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range changes {
		e, found := o.waiting[c.subject()]
		switch {
		case found:
			old := e.Value.(change)
			c.threshold, c.expires = max(c.threshold, old.threshold), max(c.expires, old.expires)
			c.givenBack = c.givenBack && old.givenBack
			e.Value = c
		case o.order.Len() >= maxWaiting:
			noRoom = append(noRoom, c)
		default:
			o.waiting[c.subject()] = o.order.PushBack(c)
		}
	}
	return noRoom
}

// drop forgets the additions of entries that are removed, and returns those that waited, by their
// subjects.
func (o *outbox) drop(removals []change) (waited map[change]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	waited = make(map[change]bool)
	removed := make(map[change]bool, len(removals))
	for _, c := range removals {
		subject := c.subject()
		if _, found := o.waiting[subject]; found {
			waited[subject] = true
		}
		removed[subject] = true
		o.forget(subject)
	}
	o.recent = slices.DeleteFunc(o.recent, func(c change) bool { return removed[c.subject()] })
	return waited
}

// forget removes an addition that waits. The caller must hold mu.
func (o *outbox) forget(subject change) {
	if e, found := o.waiting[subject]; found {
		o.order.Remove(e)
		delete(o.waiting, subject)
	}
}

// pollBegins notes that a poll reads the state of the server from now on.
func (o *outbox) pollBegins() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.polling, o.recent = true, nil
	for e := o.order.Front(); e != nil; e = e.Next() {
		o.recent = append(o.recent, e.Value.(change))
	}
	for _, changes := range o.adding {
		o.recent = append(o.recent, changes...)
	}
}

func (o *outbox) pollEnds() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.polling, o.recent = false, nil
}

// keys returns what the poll may not have read.
func (o *outbox) keys(s *seeds) map[key]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	keys := make(map[key]bool, len(o.recent))
	for _, c := range o.recent {
		keys[s.key(c.kind, c.issuer, c.id)] = true
	}
	return keys
}

// hurry moves those of changes that wait to the front, and returns how many these are.
func (o *outbox) hurry(changes []change) (waiting int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range changes {
		if e, found := o.waiting[c.subject()]; found {
			o.order.MoveToFront(e)
			waiting++
		}
	}
	return waiting
}

// head returns the changes to send next, at most so many.
func (o *outbox) head(most int) (changes []change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for e := o.order.Front(); e != nil && len(changes) < most; e = e.Next() {
		changes = append(changes, e.Value.(change))
	}
	return changes
}

// sent removes changes that were sent. Those that the server has no room for wait behind all
// others.
func (o *outbox) sent(changes []change, refused map[int]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n, c := range changes {
		e, found := o.waiting[c.subject()]
		switch {
		case !found: // it was removed meanwhile
		case refused[n]:
			o.order.MoveToBack(e)
		case e.Value == c: // it has not grown meanwhile
			o.forget(c.subject())
		}
	}
}

// waits returns how many of changes the server has not taken.
func (o *outbox) waits(changes []change) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range changes {
		if _, found := o.waiting[c.subject()]; found {
			n++
		}
	}
	return n
}

func (o *outbox) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.order.Len()
}
