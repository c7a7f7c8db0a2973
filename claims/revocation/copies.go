package revocation

import "container/list"

// maxCopies bounds what a process can give back. The outbox has room for as many.
const maxCopies = maxWaiting

// copies are the newest entries of the server in clear. A server that restarts without its file
// loses entries, and so does a failover. Processes that run still refuse their tokens, but those
// that start later would accept them. So a process gives back what a reading of the whole list has
// not found.
//
// Only the poll that is under way uses copies.
type copies struct {
	reading   int // the number of the last reading of the whole list that has begun
	bySubject map[change]*list.Element
	order     list.List // of copied; the oldest one is in front
}

// A copied is an addition, and the last reading of the whole list during which it was met.
type copied struct {
	change
	reading int
}

// met notes a change that was read from the server. A new one takes the place of the oldest copy.
func (k *copies) met(c change, isNew bool) {
	e, found := k.bySubject[c.subject()]
	switch {
	case found && c.removed:
		k.forget(e)
	case found && isNew:
		k.order.MoveToBack(e)
		fallthrough
	case found:
		e.Value = copied{c, k.reading}
	case c.removed:
	case k.order.Len() < maxCopies:
		k.add(c)
	case isNew:
		k.forget(k.order.Front())
		k.add(c)
	}
}

func (k *copies) add(c change) {
	if k.bySubject == nil {
		k.bySubject = make(map[change]*list.Element)
	}
	k.bySubject[c.subject()] = k.order.PushBack(copied{c, k.reading})
}

func (k *copies) forget(e *list.Element) {
	delete(k.bySubject, k.order.Remove(e).(copied).subject())
}

// lost returns the additions that the last reading of the whole list has not met, and that have
// not expired. It forgets those that have.
func (k *copies) lost(now second) (changes []change) {
	for e := k.order.Front(); e != nil; {
		c, next := e.Value.(copied), e.Next()
		switch {
		case c.expires <= now:
			k.forget(e)
		case c.reading != k.reading:
			c.givenBack = true
			changes = append(changes, c.change)
		}
		e = next
	}
	return changes
}
