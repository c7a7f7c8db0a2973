package jwks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	fetchTimeout = 5 * time.Second // of a whole fetch, with its retries and discovery
	maxRetries   = 2               // of a whole fetch
	maxRedirects = 3

	userAgent       = "bearerguard-jwks"
	acceptKeySet    = "application/jwk-set+json, application/json"
	acceptDiscovery = "application/json"
)

// A getter makes GET requests that are bounded in every direction: where they may go,
// what they may cost, and what of an answer gets into an error.
type getter struct {
	hosts   hosts
	trusted http.Client // to hosts that were configured
	named   http.Client // to hosts that an issuer named
	release func()      // closes idle connections
}

func newGetter(c Config) *getter {
	base := http.Client{}
	if c.Client != nil {
		base = *c.Client
	}
	base.Jar = nil
	base.CheckRedirect = redirectPolicy(c.AllowRedirects)
	g := &getter{hosts: newHosts(c), trusted: base, named: base}
	g.trusted.Transport, g.named.Transport, g.release = transports(base.Transport)
	return g
}

// redirectPolicy answers a redirect that is not followed with the redirect itself: its
// status says what happened.
func redirectPolicy(allowed bool) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		if allowed && len(via) <= maxRedirects && next.URL.Scheme == "https" && next.URL.Host == first.Host {
			return nil
		}
		return http.ErrUseLastResponse
	}
}

// A request is one document to get.
type request struct {
	what    string // for errors
	url     string
	accept  string
	noCache bool // past every cache on the way (RFC 9111 section 5.2.1.4)
	validators
}

// A response is a document, or the news that it has not changed.
type response struct {
	notModified bool
	header      http.Header
	body        []byte
}

// A fetchError is a request without a usable answer. Its text is safe for logs; it
// holds nothing of the answer's body.
type fetchError struct {
	what       string
	problem    string
	cause      error // may quote another machine: see Error
	status     int   // of the answer, 0 if there was none
	retryAfter time.Duration
	again      bool // a retry may help
}

// Error bounds the cause's text, in which net/http quotes what the server sent.
func (e *fetchError) Error() string {
	text := "jwks: " + e.what + ": " + e.problem
	if e.cause != nil {
		text += ": " + printable(e.cause.Error(), 200)
	}
	return text
}

func (e *fetchError) Unwrap() error { return e.cause }

// gone reports whether there is nothing at the address.
func (e *fetchError) gone() bool {
	return e.status == http.StatusNotFound || e.status == http.StatusGone
}

// printable returns at most limit bytes of text, with everything but printable ASCII
// replaced.
func printable(text string, limit int) string {
	cut := ""
	if len(text) > limit {
		text, cut = text[:limit], "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text) + cut
}

// get makes one attempt. Every error is a *fetchError.
func (g *getter) get(ctx context.Context, r request) (*response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, &fetchError{what: r.what, problem: "not a URL"}
	}
	r.setHeader(req.Header)
	client := &g.named
	if g.hosts.trusted(req.URL.Hostname()) {
		client = &g.trusted
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, transferError(ctx, r.what, err)
	}
	defer func() { _ = res.Body.Close() }()
	return r.read(ctx, res)
}

func (r request) setHeader(h http.Header) {
	h.Set("Accept", r.accept)
	h.Set("User-Agent", userAgent)
	if r.noCache {
		h.Set("Cache-Control", "no-cache")
	}
	r.validators.set(h)
}

func (r request) read(ctx context.Context, res *http.Response) (*response, error) {
	switch {
	case res.StatusCode == http.StatusNotModified && r.validators != validators{}:
		return &response{notModified: true, header: res.Header}, nil
	case res.StatusCode != http.StatusOK:
		return nil, statusError(r.what, res)
	}
	// The limit counts what a compressed body expands to: net/http has undone the
	// compression before this reads.
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocumentBytes+1))
	if err != nil {
		return nil, transferError(ctx, r.what, err)
	}
	if len(body) > maxDocumentBytes {
		return nil, &fetchError{what: r.what, problem: fmt.Sprintf("longer than %d bytes", maxDocumentBytes)}
	}
	return &response{header: res.Header, body: body}, nil
}

// transferError drops the URL that net/http puts in front: it may come from an
// issuer's document.
func transferError(ctx context.Context, what string, err error) *fetchError {
	var prefixed *url.Error
	if errors.As(err, &prefixed) {
		err = prefixed.Err
	}
	if ctx.Err() != nil {
		return &fetchError{what: what, problem: "no complete answer in time", cause: ctx.Err()}
	}
	var certificate *tls.CertificateVerificationError
	final := errors.As(err, &certificate) || errors.Is(err, errNotPublic)
	return &fetchError{what: what, problem: "no answer", cause: err, again: !final}
}

func statusError(what string, res *http.Response) *fetchError {
	e := &fetchError{
		what:       what,
		problem:    fmt.Sprintf("status %d", res.StatusCode),
		status:     res.StatusCode,
		retryAfter: retryAfter(res.Header, time.Now()),
	}
	switch {
	case e.status >= 500, e.status == http.StatusRequestTimeout, e.status == http.StatusTooManyRequests:
		e.again = true
	case e.status == http.StatusNotModified:
		e.problem += ", although there was no condition"
	case e.status >= 300 && e.status < 400:
		e.problem += ", a redirect that is not allowed"
	}
	return e
}

// persist is get with as many retries as are left to the whole fetch, each after a
// pause with jitter. A pause that would not end in time is not begun.
func (g *getter) persist(ctx context.Context, r request, retries *int) (*response, error) {
	for n := 0; ; n++ {
		res, err := g.get(ctx, r)
		var failure *fetchError
		if !errors.As(err, &failure) || !failure.again || *retries == 0 {
			return res, err
		}
		*retries--
		if !pause(ctx, retryPause(n, rand.Float64(), failure.retryAfter)) {
			return nil, err
		}
	}
}

// pause sleeps for d unless ctx would end first; it reports whether it did.
func pause(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	return sleep(ctx, d)
}

// sleep reports whether d passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// validators make the next request conditional (RFC 9110 section 13.1). The zero value
// makes it unconditional.
type validators struct{ etag, lastModified string }

// newValidators takes an ETag only in its grammar, and a Last-Modified only if it is a
// second or more older than the answer: a set that changes twice within one second
// could not be told apart by it (RFC 9110 section 8.8.2.2).
func newValidators(h http.Header) (v validators) {
	if etag := h.Get("ETag"); isETag(etag) {
		v.etag = etag
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	date, errDate := http.ParseTime(h.Get("Date"))
	if err == nil && errDate == nil && date.Sub(modified) >= time.Second {
		v.lastModified = modified.UTC().Format(http.TimeFormat)
	}
	return v
}

// set sends the date only without an ETag, which a server prefers anyway (RFC 9110
// section 13.1.3).
func (v validators) set(h http.Header) {
	switch {
	case v.etag != "":
		h.Set("If-None-Match", v.etag)
	case v.lastModified != "":
		h.Set("If-Modified-Since", v.lastModified)
	}
}

// isETag reports whether text is an entity-tag of printable ASCII and of a size worth
// sending back (RFC 9110 section 8.8.3).
func isETag(text string) bool {
	opaque, ok := strings.CutPrefix(strings.TrimPrefix(text, "W/"), `"`)
	opaque, end := strings.CutSuffix(opaque, `"`)
	return ok && end && len(text) <= 256 && !strings.ContainsFunc(opaque, func(r rune) bool {
		return r <= ' ' || r == '"' || r > '~'
	})
}
