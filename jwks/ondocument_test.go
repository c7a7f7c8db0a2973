package jwks_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A slowDisk takes ten seconds for each write, as OnDocument can.
type slowDisk struct {
	writers  gauge
	document []byte
	writes   int
}

func (d *slowDisk) use(c *jwks.Config) {
	c.OnDocument = func(document []byte) {
		d.writers.enter()
		defer d.writers.leave()
		time.Sleep(10 * time.Second)
		d.document, d.writes = document, d.writes+1
	}
}

func TestA14SlowOnDocumentGetsTheNewestDocumentLast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d slowDisk
		issuer := newIssuer()
		cache := newCache(t, issuer, d.use)
		for n := range 5 { // within one write
			if n > 0 {
				issuer.Rotate()
			}
			require.NoError(t, cache.Refresh(t.Context()))
			time.Sleep(time.Second)
		}
		newest := issuer.Document()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		assert.Equal(t, newest, d.document)
		assert.Equal(t, 2, d.writes, "the first, and the newest")
		assert.Equal(t, int64(1), d.writers.most.Load(), "calls do not overlap")

		issuer.Rotate()
		require.NoError(t, cache.Refresh(t.Context()))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Equal(t, issuer.Document(), d.document, "and it goes on")
	})
}

// The document changes and changes back within one write.
func TestA14DocumentThatChangesBackIsStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d slowDisk
		issuer := newIssuer()
		first := issuer.Document()
		cache := newCache(t, issuer, d.use)
		for _, step := range []func(){func() {}, func() { issuer.Publish(newKey) }, func() { issuer.Retire("new") }} {
			step()
			require.NoError(t, cache.Refresh(t.Context()))
			time.Sleep(time.Second)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		assert.Equal(t, first, d.document)
	})
}

// A Logger can hold up the goroutine of a fetch for longer than the next fetch takes. The document
// of the older fetch must not be delivered after that of the newer one.
func TestA14SlowLoggerDoesNotReorderDocuments(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d slowDisk
		issuer := newIssuer()
		cache := newCache(t, issuer, d.use, func(c *jwks.Config) { c.Logger = slog.New(newSlowHandler(time.Minute)) })
		require.NoError(t, cache.Refresh(t.Context()))
		issuer.Rotate()
		require.NoError(t, cache.Refresh(t.Context()))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, string(issuer.Document()), string(d.document))
	})
}

// The same holds between Block and a fetch.
func TestA14SlowLoggerDoesNotReorderBlockAndAFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d slowDisk
		issuer := newIssuer()
		issuer.Publish(namedKey("leaked"))
		handler := newSlowHandler(0)
		cache := newCache(t, issuer, d.use, func(c *jwks.Config) { c.Logger = slog.New(handler) })
		require.NoError(t, cache.Refresh(t.Context()))
		time.Sleep(time.Minute)
		handler.next.Store(int64(time.Minute))
		go cache.Block("leaked")
		time.Sleep(time.Second)
		issuer.Rotate()
		require.NoError(t, cache.Refresh(t.Context()))
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		restarted := newCache(t, issuer, func(c *jwks.Config) { c.Seed = d.document })
		assert.Equal(t, []string{"leaked"}, restarted.Status().Blocked)
		assert.Len(t, restarted.Status().KeyIDs, 2, "the rotated set, without the blocked key")
	})
}

// A slowHandler takes a time for the next event.
type slowHandler struct {
	slog.Handler
	next *atomic.Int64
}

func newSlowHandler(next time.Duration) slowHandler {
	h := slowHandler{slog.DiscardHandler, new(atomic.Int64)}
	h.next.Store(int64(next))
	return h
}

func (slowHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h slowHandler) Handle(context.Context, slog.Record) error {
	time.Sleep(time.Duration(h.next.Swap(0)))
	return nil
}

// A bad document is never stored.
func TestA14FailuresAreNotStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d slowDisk
		issuer := newIssuer()
		cache := newCache(t, issuer, d.use)
		for _, fault := range []jwkstest.Fault{respond(200, `{"keys":[]}`), respond(200, "<html>"), respond(503, ""), jwkstest.Truncate()} {
			issuer.Fail(jwkstest.JWKS, fault)
			require.Error(t, cache.Refresh(t.Context()))
		}
		cache.Block("leaked")
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Zero(t, d.writes)
	})
}

// The fetch is over when OnDocument runs: it must not keep other issuers from being fetched.
func TestA14SlowOnDocumentKeepsNoSlot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		limit := jwks.NewFetchLimit(1)
		hold := make(chan struct{})
		defer close(hold)
		slow := newCache(t, newIssuer(), func(c *jwks.Config) {
			c.FetchLimit, c.OnDocument = limit, func([]byte) { <-hold }
		})
		requireKnown(t, slow, "known")
		other := newCache(t, newIssuer(), func(c *jwks.Config) { c.FetchLimit = limit })
		requireKnown(t, other, "known")
	})
}
