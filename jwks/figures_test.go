package jwks_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// TestFigures prints a table in Markdown: what the callers of a server see of a rotation, a flood
// and an outage, and how many requests its issuer gets:
//
//	go test -run TestFigures -v ./jwks
//
// Each figure has a limit. The server is a claims.Verifier over a Cache, both with their
// defaults. A request to its issuer takes 50 ms.
func TestFigures(t *testing.T) {
	var lines []line
	for _, scenario := range []func(*testing.T, *server) []line{
		aQuietDay, aRotation, aFlood, anOutage, anOutageWithFewRequests, aRestartInAnOutage,
	} {
		bubble(t, func(t *testing.T) { lines = append(lines, scenario(t, newServer(t))...) })
	}
	for _, l := range lines {
		l.check(t)
	}
	_, err := fmt.Fprint(t.Output(), markdown(lines))
	require.NoError(t, err)
}

// figures are the requests to the server by their answer, the longest wait, and the requests to
// the issuer.
type figures struct {
	served, refused, unavailable int // 401 and 503
	wait                         time.Duration
	requests                     int // to the issuer, for the key set or for discovery
}

type line struct {
	name        string
	limit, seen figures
}

// check wants exactly the expected numbers of served and refused requests. The other limits are
// maximums.
func (l line) check(t *testing.T) {
	t.Helper()
	assert.Equal(t, l.limit.served, l.seen.served, l.name)
	assert.Equal(t, l.limit.refused, l.seen.refused, l.name)
	assert.LessOrEqual(t, l.seen.unavailable, l.limit.unavailable, l.name)
	assert.LessOrEqual(t, l.seen.wait, l.limit.wait, l.name)
	assert.LessOrEqual(t, l.seen.requests, l.limit.requests, l.name)
}

func markdown(lines []line) string {
	var b strings.Builder
	row := func(cells ...string) {
		fmt.Fprintf(&b, "| %-68s | %8s | %8s | %8s | %8s | %12s | %13s |\n",
			cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6])
	}
	row("", "requests", "served", "401", "503", "longest wait", "to the issuer")
	row(strings.Repeat("-", 68), "-------:", "-------:", "-------:", "-------:", "-----------:", "------------:")
	for _, l := range lines {
		f := l.seen
		row(l.name, strconv.Itoa(f.served+f.refused+f.unavailable), strconv.Itoa(f.served), strconv.Itoa(f.refused),
			strconv.Itoa(f.unavailable), f.wait.Round(10*time.Millisecond).String(), strconv.Itoa(f.requests))
	}
	return b.String()
}

const issuerLatency = 50 * time.Millisecond

// A server is what the figures are about. Its cache has fetched once.
type server struct {
	issuer   *jwkstest.Issuer
	verifier *claims.Verifier
	counted  func() requestCounts
}

func newServer(t *testing.T) *server {
	s := &server{issuer: newIssuer()}
	s.verifier = verifierOf(t, s.issuer, newWarmCache(t, s.issuer))
	s.answers(jwkstest.Delay(issuerLatency))
	return s
}

// answers decides what both endpoints do from now on.
func (s *server) answers(fault jwkstest.Fault) {
	s.issuer.Fail(jwkstest.JWKS, fault)
	s.issuer.Fail(jwkstest.Discovery, fault)
	if s.counted == nil {
		s.counted = counter(s.issuer)
	}
}

// A tally is what one group of clients sees.
type tally struct {
	served, refused, unavailable atomic.Int64
	waits                        longest
}

// request sends a token. If there are no keys, it returns the time after which to send it again.
func (c *tally) request(t *testing.T, s *server, token string) (retryAfter time.Duration) {
	var err error
	c.waits.of(took(func() { _, err = s.verifier.Verify(t.Context(), token) }))
	failure := new(claims.UnavailableError)
	switch {
	case err == nil:
		c.served.Add(1)
	case errors.As(err, &failure):
		c.unavailable.Add(1)
	default:
		c.refused.Add(1)
	}
	return failure.RetryAfter
}

func (c *tally) line(s *server, name string, limit figures) line {
	counted := s.counted()
	return line{name, limit, figures{
		served: int(c.served.Load()), refused: int(c.refused.Load()), unavailable: int(c.unavailable.Load()),
		wait: c.waits.get(), requests: counted.discovery + counted.keys,
	}}
}

// every sends a token at an interval, n times.
func (c *tally) every(t *testing.T, s *server, interval time.Duration, n int, token string) {
	for range n {
		time.Sleep(interval)
		c.request(t, s, token)
	}
}

func aQuietDay(t *testing.T, s *server) []line {
	var clients tally
	clients.every(t, s, 10*time.Second, 8640, longLived(s.issuer))
	return []line{clients.line(s, "a quiet day, a request every 10 s", figures{served: 8640, requests: 24 * 60 / 13})}
}

func aRotation(t *testing.T, s *server) []line {
	var clients tally
	time.AfterFunc(time.Minute, func() { s.issuer.Rotate() })
	concurrently(64, func(client int) {
		time.Sleep(time.Duration(client) * time.Millisecond)
		for range 12 {
			clients.every(t, s, time.Second, 10, s.issuer.Token(nil))
		}
	})
	return []line{clients.line(s, "rotation, signing at once, amid 64 clients",
		figures{served: 64 * 120, wait: issuerLatency, requests: 1})}
}

func aFlood(t *testing.T, s *server) []line {
	var strangers, clients tally
	concurrently(65, func(client int) {
		if client == 0 {
			clients.every(t, s, 100*time.Millisecond, 1000, longLived(s.issuer))
			return
		}
		for n := client - 1; n < 10_000; n += 64 {
			strangers.request(t, s, junks["unknown kid"].make(s.issuer, n))
			time.Sleep(640 * time.Millisecond)
		}
	})
	const bound = 3 + 10
	return []line{
		strangers.line(s, "flood of 10,000 unknown kids in 100 s, 64 at a time", figures{refused: 10_000, wait: issuerLatency, requests: bound}),
		clients.line(s, "good tokens in that flood", figures{served: 1000, requests: bound}),
	}
}

func anOutage(t *testing.T, s *server) []line {
	var clients tally
	s.answers(jwkstest.Refuse())
	clients.every(t, s, 10*time.Second, 8280, longLived(s.issuer))
	// Backoff reaches 5 min, which is 2.5 min on average. A fetch makes 4 requests.
	return []line{clients.line(s, "outage of 23 h, connections refused, a request every 10 s",
		figures{served: 8280, requests: 4 * 23 * 60})}
}

func anOutageWithFewRequests(t *testing.T, s *server) []line {
	var clients tally
	s.answers(jwkstest.Hang())
	clients.every(t, s, 2*time.Hour, 11, longLived(s.issuer))
	return []line{clients.line(s, "outage of 23 h, the issuer hangs, a request every 2 h",
		figures{served: 11, wait: 3 * time.Second, requests: 2 * 11})}
}

func aRestartInAnOutage(t *testing.T, s *server) []line {
	var clients tally
	s.verifier = verifierOf(t, s.issuer, newCache(t, s.issuer))
	s.answers(jwkstest.Refuse())
	recovery := time.Now().Add(time.Minute)
	time.AfterFunc(time.Minute, func() { s.answers(jwkstest.Delay(issuerLatency)) })
	concurrently(10, func(int) {
		token := s.issuer.Token(nil)
		for wait := clients.request(t, s, token); wait > 0; wait = clients.request(t, s, token) {
			time.Sleep(wait)
		}
		assert.LessOrEqual(t, time.Since(recovery), 13*time.Second, "the longest backoff, and the longest wait for a fetch")
	})
	return []line{clients.line(s, "restart in an outage of 1 min, 10 clients that obey Retry-After",
		figures{served: 10, unavailable: 10 * 40, wait: 2 * time.Second, requests: 3 * 40})}
}
