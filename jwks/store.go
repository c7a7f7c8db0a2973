package jwks

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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

// offer hands over the document of the current snapshot if it is another than the last one, or
// if the last one was handed over so long ago that its age would be counted much too high
// after a restart.
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
	t.waiting = withBlocked(s.good.document, s.block, s.good.began)
	return idle
}

// storedDigest tells stored documents apart that differ in more than the time.
func storedDigest(document []byte, b block) [sha256.Size]byte {
	return sha256.Sum256(withBlocked(document, b, time.Time{}))
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

// The members that a stored document has besides those of the issuer, if kids are blocked.
// Readers of a JWK Set ignore members that they do not know (RFC 7517 section 5).
const (
	blockedMember = `{"bearerguard_blocked":`
	fetchedMember = `,"bearerguard_fetched":`
)

// withBlocked returns a copy of a JWK Set that also names the blocked kids, so that they are
// still blocked after a restart. It says when the document was fetched, because Block can store
// it much later. A zero time is left out.
func withBlocked(document []byte, b block, fetched time.Time) []byte {
	if len(b.kids) == 0 {
		return bytes.Clone(document)
	}
	kids, err := json.Marshal(slices.Sorted(maps.Keys(b.kids)))
	if err != nil {
		return bytes.Clone(document) // a kid that is not UTF-8: no token can name it
	}
	added := append([]byte(blockedMember), kids...)
	if !fetched.IsZero() {
		added = fmt.Append(append(added, fetchedMember...), fetched.Unix())
	}
	_, members, _ := bytes.Cut(document, []byte("{"))
	return slices.Concat(added, []byte(","), members)
}

// splitBlocked undoes withBlocked. fetched is zero if the document does not say it.
func splitBlocked(document []byte) (kids []string, fetched time.Time, issuers []byte) {
	rest, found := bytes.CutPrefix(document, []byte(blockedMember))
	if !found {
		return nil, time.Time{}, document
	}
	dec := jsontext.NewDecoder(bytes.NewReader(rest))
	list, err := dec.ReadValue()
	if err != nil || json.Unmarshal(list, &kids) != nil {
		return nil, time.Time{}, document
	}
	rest = rest[dec.InputOffset():]
	if number, found := bytes.CutPrefix(rest, []byte(fetchedMember)); found {
		digits := number[:max(0, bytes.IndexByte(number, ','))]
		if seconds, err := strconv.ParseInt(string(digits), 10, 64); err == nil {
			fetched, rest = time.Unix(seconds, 0), number[len(digits):]
		}
	}
	members, found := bytes.CutPrefix(rest, []byte(","))
	if !found {
		return nil, time.Time{}, document
	}
	return kids, fetched, append([]byte{'{'}, members...)
}
