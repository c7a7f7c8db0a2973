package middleware

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bearerguard/bearerguard/claims"
)

// suspicious is how many tokens are refused before a warning says that none was accepted.
const suspicious = 10

// unaccepted finds issuers of which no token was ever accepted. That is a mistake in a
// configuration, most of the time, and nothing else above debug level shows it.
type unaccepted struct {
	any      trial                             // of all tokens, and of those whose iss is not configured
	byIssuer atomic.Pointer[map[string]*trial] // of the configured issuers
}

// A trial ends with the first token that is accepted, or with its warning.
type trial struct {
	over atomic.Bool

	mu      sync.Mutex // guards refused
	refused map[claims.Reason]int
}

// follow begins the trials of new issuers. Those that were there before keep theirs.
func (u *unaccepted) follow(issuers []string) {
	old := u.byIssuer.Load()
	trials := make(map[string]*trial, len(issuers))
	for _, issuer := range issuers {
		trials[issuer] = new(trial)
		if old != nil && (*old)[issuer] != nil {
			trials[issuer] = (*old)[issuer]
		}
	}
	u.byIssuer.Store(&trials)
}

// of returns the trial of a configured issuer, or nil.
func (u *unaccepted) of(issuer string) *trial { return (*u.byIssuer.Load())[issuer] }

// accept ends the trials of an accepted token. It is called for tokens that are seen for the
// first time.
func (u *unaccepted) accept(c *claims.Claims) {
	u.any.end()
	if t := u.of(c.Issuer()); t != nil {
		t.end()
	}
}

func (t *trial) end() {
	if !t.over.Load() {
		t.over.Store(true)
	}
}

// refuse counts a refused token. It returns how many were refused, and the most frequent
// reason, if a warning is due.
func (t *trial) refuse(reason claims.Reason) (total int, most claims.Reason, due bool) {
	if t.over.Load() {
		return 0, "", false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused == nil {
		t.refused = make(map[claims.Reason]int)
	}
	t.refused[reason]++
	for r, n := range t.refused {
		total += n
		if n > t.refused[most] || n == t.refused[most] && r < most {
			most = r
		}
	}
	return total, most, total >= suspicious && t.over.CompareAndSwap(false, true)
}

// suspect warns once if a number of tokens of an issuer were refused, and none was accepted.
// A refused token does not prove that the issuer made it, so a stranger can cause the warning,
// once.
func (m *Middleware) suspect(ctx context.Context, e *Error, issuer string) {
	if e.Code != codeInvalidToken {
		return
	}
	t := m.unaccepted.of(issuer)
	if t == nil {
		t = &m.unaccepted.any
	}
	refused, reason, due := t.refuse(e.Reason)
	if !due {
		return
	}
	attrs := []slog.Attr{slog.Int("refused", refused), slog.String("reason", string(reason))}
	detail := ""
	if reason == e.Reason {
		detail = m.detailOf(e)
	}
	if issuer != "" {
		m.slog().LogAttrs(ctx, slog.LevelWarn, "middleware: no token of this issuer was ever accepted", about(attrs, issuer, detail)...)
		return
	}
	if configured := m.issuers(); len(configured) > 0 {
		attrs = append(attrs, slog.Any("issuers", configured[:min(len(configured), maxListed)]))
	}
	m.slog().LogAttrs(ctx, slog.LevelWarn, "middleware: no token was ever accepted", about(attrs, "", detail)...)
}

const maxListed = 8

// issuers returns the configured issuers, or nil with a Verifier that does not tell them.
func (m *Middleware) issuers() []string {
	v, ok := m.verifier.(*claims.Verifier)
	if !ok {
		return nil
	}
	var urls []string
	for url := range v.Issuers() {
		urls = append(urls, url)
	}
	return slices.Clip(urls)
}
