package fetch

import (
	"context"
	"errors"
	"time"
)

// Retries says how the requests of one fetch are repeated, all together.
type Retries struct {
	Left     int          // how many retries are left
	Plain    bool         // repeat a refused request once without its CacheControl
	OnFailed func()       // called after each request that failed and is not repeated at once; can be nil
	OnAnswer func(Answer) // called for each answer, of whatever status; can be nil
}

// GetWithRetries is Get, repeated while it fails, a retry can help and one is left. It
// pauses before each retry, with jitter. It starts no pause that would end after the context.
//
// Some firewalls refuse a request that has a Cache-Control field. With Plain, such a request
// is repeated at once without it, which does not count as a retry.
func (c *Client) GetWithRetries(ctx context.Context, r Request, retries *Retries) (*Response, error) {
	r.onAnswer = retries.OnAnswer
	for n := 0; ; {
		res, err := c.Get(ctx, r)
		if err == nil {
			return res, nil
		}
		var failure *Error
		isError := errors.As(err, &failure)
		if isError && failure.Refused() && retries.Plain && r.CacheControl != "" {
			r.CacheControl = ""
			continue
		}
		if retries.OnFailed != nil {
			retries.OnFailed()
		}
		if !isError || !failure.Retry || retries.Left == 0 {
			return nil, err
		}
		retries.Left--
		if !pause(ctx, retryPause(n, c.random(), failure.RetryAfter)) {
			return nil, err
		}
		n++
	}
}

// Jittered adds up to a fifth to a Retry-After. Otherwise all clients that were told the same time
// would come back at the same moment. random is in [0, 1).
func Jittered(retryAfter time.Duration, random float64) time.Duration {
	return retryAfter + time.Duration(float64(retryAfter)/5*random)
}

// retryPause returns the pause before retry n (0, 1) of one fetch.
func retryPause(n int, random float64, retryAfter time.Duration) time.Duration {
	const shortest, spread = 100 * time.Millisecond, 400 * time.Millisecond
	return max(shortest+time.Duration(float64(spread<<n)*random), Jittered(retryAfter, random))
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
