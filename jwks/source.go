package jwks

import (
	"context"
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
	parse  keyset.Parser
	stores bool // keep the documents, for OnDocument
	clock
}

// A plan is what one fetch does. It holds everything the fetch needs, so that nothing is
// shared while the fetch runs.
type plan struct {
	schedule     *schedule
	kind         kind
	prev         *goodSet // the latest good set; can be nil
	usable       bool     // prev can still be served
	known        location // zero if discovery has not succeeded yet
	rediscover   bool     // read discovery although the location is known
	oauthFirst   bool     // look for metadata at RFC 8414's address first
	cacheControl string   // of the request for the key set
	slow         bool     // see FetchLimit
	retries      fetch.Retries
}

func (s *snapshot) plan(k kind, now time.Time) plan {
	p := plan{
		schedule: s.schedule, kind: k, prev: s.good, usable: s.usable(now), known: s.location,
		cacheControl: s.cacheControl(k, now), slow: s.slow,
	}
	if k == forced {
		return p // one request: no retry, no discovery
	}
	p.rediscover = s.mustRediscover(now)
	p.oauthFirst = s.location.url == "" && s.failures%2 == 1 && fetch.Answered(s.latest.err)
	p.retries = fetch.Retries{Left: maxRetries, Plain: true}
	if k == scheduled && !p.usable {
		p.retries.Left = 0 // the next attempt follows soon, and a whole fleet can be cold at once
	}
	return p
}

// An outcome is the result of a fetch.
type outcome struct {
	good      *goodSet      // nil if err is not
	plain     bool          // the request had no Cache-Control
	confirmed bool          // by a 304
	age       time.Duration // of a copy that a cache gave to a plain request
	location  location      // zero if it could not be learned
	err       error
	warning   error // discovery could not be read again; the known location was used
	heard     heard
}

// A heard is what the answers of a fetch said besides their bodies. While discovery is read
// again beside the key set, only the answers for the key set count.
type heard struct {
	status     int           // of the latest answer; 0 if there was none
	clockAhead time.Duration // by the latest answer that is dated
	dated      bool          // there was one
}

func (h *heard) note(a fetch.Answer) {
	h.status = a.Status
	if a.Dated {
		h.clockAhead, h.dated = a.Ahead, true
	}
}

// run fetches the key set once, with the retries and the discovery of p.
func (s *source) run(ctx context.Context, p plan) outcome {
	began := s.now()
	res, out := s.request(ctx, &p)
	if out.err != nil {
		return out
	}
	out.plain = res.Plain
	if res.NotModified {
		out.good, out.confirmed = p.prev.confirmed(res.Header), true
	} else if out.good, out.err = readKeySet(s.parse, p.prev, res, out.location.url); out.err != nil {
		return out
	} else {
		out.good.delivered = began
		if s.stores {
			out.good.document = res.Body
		}
	}
	if res.Plain {
		out.age = fetch.Age(res.Header)
	}
	out.good.began = began.Add(-out.age)
	out.good.fresh = p.schedule.freshness(out.good.freshness(res.Header), s.random())
	return out
}

// request finds out where the key set is, and asks for it. If discovery cannot be read again,
// the known location still holds.
func (s *source) request(ctx context.Context, p *plan) (res *fetch.Response, out outcome) {
	out.location = p.known
	if p.known.url == "" {
		out.location, out.err = s.discover(ctx, p, &p.retries)
	}
	if out.err != nil {
		return nil, out
	}
	if !p.rediscover {
		res, out.err = s.keySet(ctx, p, out.location.url)
		return res, out
	}
	unlessMoved, cancel := context.WithCancel(ctx)
	defer cancel()
	again := s.rediscover(ctx, p, cancel)
	failed := p.retries.OnFailed
	p.retries.OnFailed = func() {
		if unlessMoved.Err() == nil { // otherwise it was given up, and its failure says nothing
			failed()
		}
	}
	res, out.err = s.keySet(unlessMoved, p, p.known.url)
	found := <-again
	p.retries.OnFailed = failed
	if found.panicked != nil {
		panic(found.panicked)
	}
	if found.err != nil {
		out.warning = found.err
	} else if out.location = found.location; found.location.url != p.known.url {
		res, out.err = s.keySet(ctx, p, found.location.url)
	}
	return res, out
}

// keySet asks for the key set. If a 304 confirms another document than the one that is
// known, it asks again without a condition. If a request without Cache-Control gets an old copy
// from an HTTP cache, it asks again past the cache. That copy has cost the issuer nothing.
func (s *source) keySet(ctx context.Context, p *plan, url string) (*fetch.Response, error) {
	request := p.keysRequest(url, s.now())
	res, err := s.client.GetWithRetries(ctx, request, &p.retries)
	if err == nil && res.NotModified && !request.Confirmed(res.Header) {
		request.Validators = fetch.Validators{}
		res, err = s.client.GetWithRetries(ctx, request, &p.retries)
	}
	if err == nil && p.isOldCopy(res) && request.CacheControl == "" {
		request.CacheControl, request.Validators = maxAge, fetch.Validators{}
		if p.kind != scheduled {
			request.CacheControl = noCache
		}
		res, err = s.client.GetWithRetries(ctx, request, &p.retries)
	}
	if err == nil && p.isOldCopy(res) {
		problem := "an HTTP cache answered with an old copy"
		return nil, &fetch.Error{What: whatKeySet, Problem: problem}
	}
	return res, err
}

// isOldCopy reports whether an HTTP cache answered with a copy that is too old to be used. The
// request had no Cache-Control. A copy of any age proves nothing about an unknown kid.
func (p *plan) isOldCopy(res *fetch.Response) bool {
	limit := maxCachedAge
	if p.kind != scheduled {
		limit = 0
	}
	return res.Plain && fetch.Age(res.Header) > limit
}

// keysRequest is conditional only if it is scheduled and the document was delivered not long
// ago. Otherwise an issuer whose validator does not change with the keys would hide a new
// or a removed key forever.
func (p *plan) keysRequest(url string, now time.Time) fetch.Request {
	r := fetch.Request{
		What: whatKeySet, URL: url, Accept: acceptKeySet,
		MaxBytes: keyset.MaxDocumentBytes, CacheControl: p.cacheControl,
	}
	if p.prev == nil || p.prev.url != url || p.kind != scheduled {
		return r
	}
	if since, setBack := elapsed(now, p.prev.delivered); since < p.schedule.conditional && !setBack {
		r.Validators = p.prev.validators
	}
	return r
}
