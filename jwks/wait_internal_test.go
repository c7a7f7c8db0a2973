package jwks

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// A fetch can end after a wait has ended and before the snapshot is loaded. No schedule of
// goroutines produces this reliably.
func TestUnavailableNamesTheNextFetch(t *testing.T) {
	const fresh, exhausted = time.Minute, 25 * time.Hour
	for _, tt := range []struct {
		state  State
		age    time.Duration
		since  time.Duration // of the fetch under way; negative if there is none
		failed bool          // just now, and the bucket is empty
		want   time.Duration
	}{
		{StateFresh, fresh, -1, false, time.Second},
		{StateFresh, fresh, -1, true, 10 * time.Second},
		{StateFresh, fresh, 3 * time.Second, false, 2 * time.Second},
		{StateFresh, fresh, 3 * time.Second, true, 10 * time.Second},
		{StateStale, 2 * time.Hour, 0, false, 5 * time.Second},
		{StateStale, 2 * time.Hour, 6 * time.Second, false, time.Second},
		{StateCold, 0, -1, false, time.Second},
		{StateCold, 0, -1, true, 2 * time.Second},
		{StateCold, 0, 3 * time.Second, false, 3 * time.Second},
		{StateCold, 0, 3 * time.Second, true, 3 * time.Second},
		{StateExhausted, exhausted, -1, true, 2 * time.Second},
		{StateExhausted, exhausted, time.Second, true, 5 * time.Second},
	} {
		t.Run(fmt.Sprint(tt.state, tt.since, tt.failed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cache := newFailingCache(t)
				now := time.Now()
				s := &snapshot{schedule: cache.current.Load().schedule}
				if tt.age > 0 {
					s.good = &goodSet{keys: &keyset.Set{}, began: now.Add(-tt.age), fresh: 15 * time.Minute}
				}
				if tt.since >= 0 {
					s.fetch = &fetching{began: now.Add(-tt.since)}
				}
				if tt.failed {
					s.failures, s.failedAt, s.spread = 1, now, 1
					for range forcedBurst {
						require.True(t, cache.bucket.take(now))
					}
				}
				cache.current.Store(s)
				require.Equal(t, tt.state, s.state(now))

				problem := errors.New("too slow")
				err := cache.unavailable(problem)
				var failure *claims.UnavailableError
				require.ErrorAs(t, err, &failure)
				assert.Equal(t, tt.want, failure.RetryAfter)
				assert.ErrorIs(t, err, problem)
			})
		})
	}
}
