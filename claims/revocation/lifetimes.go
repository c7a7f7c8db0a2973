package revocation

import (
	"container/list"
	"strings"
	"sync"
	"time"
)

// maxIssuers bounds the issuers whose lifetimes are known. Issuers of tenants come and go.
const maxIssuers = 1 << 16

// lifetimes are the MaxLifetime of the issuers that were given to Protect. The issuers that were
// not given again for the longest time make room: an entry of one is an error then, never one
// that is forgotten early.
type lifetimes struct {
	mu    sync.Mutex // guards the fields below
	byURL map[string]*list.Element
	order list.List // of *lifetime, in the order of their last Protect
}

type lifetime struct {
	url   string
	value time.Duration
}

// set notes the lifetime of an issuer. Of several, it keeps the longest one: two verifiers may have
// different limits, and a limit that is lowered leaves older tokens behind. 0, which is no limit,
// is the longest one.
func (l *lifetimes) set(url string, value time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, found := l.byURL[url]; found {
		e := known.Value.(*lifetime)
		if value == 0 || e.value == 0 {
			e.value = 0
		} else {
			e.value = max(value, e.value)
		}
		l.order.MoveToBack(known)
		return
	}
	if l.byURL == nil {
		l.byURL = make(map[string]*list.Element)
	}
	if len(l.byURL) >= maxIssuers {
		oldest := l.order.Remove(l.order.Front()).(*lifetime)
		delete(l.byURL, oldest.url)
	}
	l.byURL[url] = l.order.PushBack(&lifetime{url, value})
}

// unlimited reports whether the issuer was given to Protect without a limit.
func (l *lifetimes) unlimited(url string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, found := l.byURL[url]
	return found && known.Value.(*lifetime).value == 0
}

// of returns 0 for an issuer that is not known, or has no limit.
func (l *lifetimes) of(url string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, found := l.byURL[url]; found {
		return known.Value.(*lifetime).value
	}
	return 0
}

// almost returns the issuer that differs from url only in the slash at the end, and "" if url
// itself is known.
func (l *lifetimes) almost(url string) string {
	other, hadSlash := strings.CutSuffix(url, "/")
	if !hadSlash {
		other += "/"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byURL[url] == nil && l.byURL[other] != nil {
		return other
	}
	return ""
}
