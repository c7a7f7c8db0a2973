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
)

// What a client is told, moment by moment. A fetch may end between the end of a wait and
// the look at the view, which no schedule of goroutines produces reliably.
func TestUnavailableNamesTheNextAttempt(t *testing.T) {
	const fresh, exhausted = time.Minute, 25 * time.Hour
	for _, tt := range []struct {
		state  State
		age    time.Duration
		since  time.Duration // of the fetch under way; negative if there is none
		failed bool          // just now, and in the bucket is no token
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
				v := &view{}
				if tt.age > 0 {
					v.good = &goodSet{keys: &keySet{}, began: now.Add(-tt.age), fresh: 15 * time.Minute}
				}
				if tt.since >= 0 {
					v.flight = &flight{began: now.Add(-tt.since)}
				}
				if tt.failed {
					v.failures, v.failedAt, v.spread = 1, now, 1
					for range forcedBurst {
						require.True(t, cache.bucket.take(now))
					}
				}
				cache.view.Store(v)
				require.Equal(t, tt.state, cache.state(v, now))

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
