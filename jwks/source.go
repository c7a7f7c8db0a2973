package jwks

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/bearerguard/bearerguard/internal/fetch"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

const (
	whatKeySet   = "jwks: key set"
	acceptKeySet = "application/jwk-set+json, application/json"
)

// A source is the configured issuer or the configured URL. It holds no state.
type source struct {
	issuer string // empty if discovery is not used
	client *fetch.Client
}

// A plan is what one fetch does. It holds everything the fetch needs, so that nothing is
// shared while the fetch runs.
type plan struct {
	schedule   *schedule
	prev       *goodSet // the latest good set; can be nil
	known      location // zero if discovery has not succeeded yet
	rediscover bool     // read discovery although the location is known
	noCache    bool     // the whole document, from the issuer itself
	retries    int      // left
}

func (s *snapshot) plan(k kind, now time.Time) plan {
	p := plan{schedule: s.schedule, prev: s.good, known: s.location, noCache: k != scheduled, retries: maxRetries}
	if k == forced {
		p.retries = 0
	} else {
		p.rediscover = s.mustRediscover(now)
	}
	return p
}

// An outcome is the result of a fetch.
type outcome struct {
	good     *goodSet // nil if err is not
	document []byte   // what good was read from; nil if the set was only confirmed
	location location // zero if it could not be learned
	err      error
	warning  error // discovery could not be read again; the known location was used
}

// run fetches the key set once, with the retries and the discovery of p.
func (s *source) run(ctx context.Context, p plan) outcome {
	began := time.Now()
	var out outcome
	out.location, out.warning, out.err = s.locate(ctx, &p)
	if out.err != nil {
		return out
	}
	res, err := s.client.GetWithRetries(ctx, p.keysRequest(out.location.url), &p.retries)
	if err != nil {
		out.err = err
		return out
	}
	if res.NotModified {
		out.good = p.prev.confirmed(res.Header)
	} else {
		out.document = res.Body
		out.good, out.err = readKeySet(p.prev, res, out.location.url)
	}
	if out.err == nil {
		out.good.began = began
		out.good.fresh = p.schedule.freshness(out.good.freshness(res.Header), rand.Float64())
	}
	return out
}

// locate returns where the key set is. If discovery cannot be read again, the known
// location still holds.
func (s *source) locate(ctx context.Context, p *plan) (l location, warning, err error) {
	if p.known.url == "" {
		l, err = s.discover(ctx, &p.retries)
		return l, nil, err
	}
	if !p.rediscover {
		return p.known, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, rediscoveryTimeout)
	defer cancel()
	noRetry := 0
	if l, warning = s.discover(ctx, &noRetry); warning != nil {
		l = p.known
	}
	return l, warning, nil
}

// keysRequest is conditional, unless the fetch must get past every cache: a validator that
// does not change with the keys would hide a new key forever.
func (p plan) keysRequest(url string) fetch.Request {
	r := fetch.Request{
		What: whatKeySet, URL: url, Accept: acceptKeySet,
		MaxBytes: keyset.MaxDocumentBytes, NoCache: p.noCache,
	}
	if p.prev != nil && p.prev.url == url && !p.noCache {
		r.Validators = p.prev.validators
	}
	return r
}
