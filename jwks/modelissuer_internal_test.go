package jwks

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// modelKeys are the JWKs that a modelled issuer can publish. Key n has the kid "kn".
var modelKeys = sync.OnceValue(func() (jwks []string) {
	for n := range 64 {
		private := ed25519.NewKeyFromSeed(fmt.Appendf(nil, "%32d", n))
		x := base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
		jwks = append(jwks, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":"k%d","x":%q}`, n, x))
	}
	return jwks
})

// A fault is what an issuer does in place of an answer.
type modelFault struct {
	name       string
	delay      time.Duration // before the answer; longer than a fetch for a hang
	status     int           // 0 for a good answer
	retryAfter int           // seconds
	refuse     bool          // the connection
	body       string
}

var modelFaults = []modelFault{
	{name: "slow", delay: 2500 * time.Millisecond},
	{name: "slower than a waiter", delay: 4 * time.Second},
	{name: "hangs", delay: time.Hour},
	{name: "refuses", refuse: true},
	{name: "500", status: 500},
	{name: "503 for 20 s", status: 503, retryAfter: 20},
	{name: "429 for 5 min", status: 429, retryAfter: 300},
	{name: "no usable key", body: `{"keys":[]}`},
	{name: "HTML", body: "<html>"},
	{name: "403", status: 403},
}

// The kinds of ETag of a modelled issuer.
const (
	noETag = iota
	honestETag
	constantETag // does not change with the keys
)

// A modelIssuer is an issuer with everything between it and the process: a firewall, a shared
// cache, and the process that can be frozen. It implements http.RoundTripper.
type modelIssuer struct {
	etag     int
	maxAge   int    // seconds; 0 for no Cache-Control
	firewall string // "", "no-cache" or "any": the Cache-Control it refuses
	proxy    bool   // a shared cache that obeys request directives, and keeps documents for a day

	mu        sync.Mutex
	published []int
	fault     modelFault
	latency   time.Duration
	frozen    int  // counts the freezes; an answer does not survive one
	asleep    bool // the process is frozen now
	requests  []modelRequest

	copyOf  []int // what the shared cache holds
	copyAge time.Time
}

// A modelRequest is one request that the issuer, or what is before it, got.
type modelRequest struct {
	began, ended time.Time
	directive    string
	delivered    bool  // a good document, or a 304
	cut          bool  // by a freeze
	kids         []int // of the document; nil for a 304
}

func (m *modelIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	n := len(m.requests)
	m.requests = append(m.requests, modelRequest{began: time.Now(), directive: r.Header.Get("Cache-Control")})
	frozen, fault, delay := m.frozen, m.fault, m.latency+m.fault.delay
	if m.asleep {
		frozen-- // it begins at the moment of the freeze, and is not sent
	}
	m.mu.Unlock()
	res, kids, err := m.answer(r, fault, delay, frozen)
	m.mu.Lock()
	defer m.mu.Unlock()
	request := &m.requests[n]
	request.ended, request.cut = time.Now(), frozen != m.frozen
	if err == nil && fault.status == 0 && fault.body == "" && res.StatusCode < 400 {
		request.delivered, request.kids = true, kids
	}
	return res, err
}

// answer takes its time, and then answers with what is published at the end of it.
func (m *modelIssuer) answer(r *http.Request, fault modelFault, delay time.Duration, frozen int) (*http.Response, []int, error) {
	directive := r.Header.Get("Cache-Control")
	if m.firewall == "any" && directive != "" || m.firewall == "no-cache" && directive == "no-cache" {
		return reply(403, "", nil), nil, nil
	}
	if kids, age, ok := m.cached(directive); ok {
		return reply(200, document(kids), http.Header{
			"Age": {strconv.Itoa(int(age.Seconds()))}, "Cache-Control": {"max-age=86400"},
		}), kids, nil
	}
	select {
	case <-r.Context().Done():
		return nil, nil, r.Context().Err()
	case <-time.After(delay):
	}
	if m.frozenSince(frozen) { // the answer is lost, and nothing tells so
		<-r.Context().Done()
		return nil, nil, r.Context().Err()
	}
	switch {
	case fault.refuse:
		return nil, nil, errors.New("connection refused")
	case fault.status != 0:
		h := http.Header{}
		if fault.retryAfter > 0 {
			h.Set("Retry-After", strconv.Itoa(fault.retryAfter))
		}
		return reply(fault.status, "", h), nil, nil
	case fault.body != "":
		return reply(200, fault.body, nil), nil, nil
	}
	return m.good(r)
}

func (m *modelIssuer) good(r *http.Request) (*http.Response, []int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kids := slices.Clone(m.published)
	h := http.Header{}
	switch m.etag {
	case honestETag:
		h.Set("ETag", fmt.Sprintf("%q", fmt.Sprint(kids)))
	case constantETag:
		h.Set("ETag", `"always"`)
	}
	if m.maxAge > 0 {
		h.Set("Cache-Control", "max-age="+strconv.Itoa(m.maxAge))
	}
	if m.proxy {
		m.copyOf, m.copyAge = kids, time.Now()
		h.Set("Cache-Control", "max-age=86400")
	}
	if etag := h.Get("ETag"); etag != "" && r.Header.Get("If-None-Match") == etag {
		return reply(304, "", h), nil, nil
	}
	return reply(200, document(kids), h), kids, nil
}

// cached returns the copy of the shared cache, if the request accepts one of its age.
func (m *modelIssuer) cached(directive string) (kids []int, age time.Duration, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.proxy || m.copyAge.IsZero() || directive == "no-cache" {
		return nil, 0, false
	}
	age, limit := time.Since(m.copyAge), 24*time.Hour
	if seconds, found := strings.CutPrefix(directive, "max-age="); found {
		n, _ := strconv.Atoi(seconds)
		limit = time.Duration(n) * time.Second
	}
	return m.copyOf, age, age <= limit
}

func (m *modelIssuer) frozenSince(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.frozen != n
}

func document(kids []int) string {
	var jwks []string
	for _, n := range kids {
		jwks = append(jwks, modelKeys()[n])
	}
	return `{"keys":[` + strings.Join(jwks, ",") + `]}`
}

func reply(status int, body string, h http.Header) *http.Response {
	if h == nil {
		h = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewReader([]byte(body)))}
}

// newModelIssuer draws the surroundings of one history.
func newModelIssuer(r *rand.Rand) *modelIssuer {
	m := &modelIssuer{etag: r.IntN(3), latency: time.Duration(1+r.IntN(300)) * time.Millisecond, published: []int{0, 1}}
	if r.IntN(3) == 0 {
		m.maxAge = []int{60, 600, 3600, 86400}[r.IntN(4)]
	}
	switch r.IntN(6) {
	case 0:
		m.firewall = "no-cache"
	case 1:
		m.firewall = "any"
	case 2:
		m.proxy, m.maxAge, m.etag = true, 86400, noETag
	}
	return m
}
