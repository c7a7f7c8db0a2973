package fetch

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// GetWithRetries is Get with at most *retries more attempts, each after a pause with
// jitter. It counts *retries down. It starts no pause that would end after the context.
func (c *Client) GetWithRetries(ctx context.Context, r Request, retries *int) (*Response, error) {
	for n := 0; ; n++ {
		res, err := c.Get(ctx, r)
		var failure *Error
		if !errors.As(err, &failure) || !failure.Retry || *retries == 0 {
			return res, err
		}
		*retries--
		if !pause(ctx, retryPause(n, rand.Float64(), failure.RetryAfter)) {
			return nil, err
		}
	}
}

// retryPause returns the pause before retry n (0, 1) of one fetch.
func retryPause(n int, random float64, retryAfter time.Duration) time.Duration {
	const shortest, spread = 100 * time.Millisecond, 400 * time.Millisecond
	return max(shortest+time.Duration(float64(spread<<n)*random), retryAfter)
}

// pause sleeps for d and reports true, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
