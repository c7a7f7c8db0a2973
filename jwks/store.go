package jwks

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"
)

// A store hands documents to Config.OnDocument: one at a time, and the newest last.
type store struct {
	onDocument func([]byte) // nil: nothing is stored
	log        eventLog

	mu      sync.Mutex // guards all below; it is not held while onDocument runs
	last    [sha256.Size]byte
	at      time.Time // when last was handed over, or its Seed was fetched
	waiting []byte    // the newest document that onDocument did not get yet
	busy    bool      // a goroutine calls onDocument
}

// offer hands over the document of the current snapshot if it is another than the last one. It also
// does so if the last one was handed over long ago: after a restart its age would be counted much
// too high.
func (t *store) offer(current *atomic.Pointer[snapshot]) {
	if t.onDocument != nil && t.take(current) {
		t.deliver()
	}
}

// take makes a document wait, and reports whether the caller must deliver it. It loads the
// snapshot with mu held: a goroutine that was held up must not offer an old document after a
// newer one.
func (t *store) take(current *atomic.Pointer[snapshot]) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, now := current.Load(), t.log.now()
	if s.good == nil || s.good.document == nil {
		return false
	}
	digest := storedDigest(s.good.document, s.block)
	if age, _ := elapsed(now, t.at); digest == t.last && age < s.schedule.maxStale/24 {
		return false
	}
	idle := !t.busy
	t.last, t.at, t.busy = digest, now, true
	t.waiting = withBlock(s.good.document, s.block, s.good.began)
	return idle
}

// storedDigest tells stored documents apart that differ in more than the time.
func storedDigest(document []byte, b block) [sha256.Size]byte {
	return sha256.Sum256(withBlock(document, b, time.Time{}))
}

// deliver calls onDocument until nothing is waiting.
func (t *store) deliver() {
	for {
		t.mu.Lock()
		document := t.waiting
		t.waiting, t.busy = nil, document != nil
		t.mu.Unlock()
		if document == nil {
			return
		}
		t.call(document)
	}
}

func (t *store) call(document []byte) {
	defer func() {
		if v := recover(); v != nil {
			t.log.panicked("OnDocument", v)
		}
	}()
	t.onDocument(document)
}
