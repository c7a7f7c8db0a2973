package fetch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	maxRedirects = 3
	userAgent    = "bearerguard-jwks"
)

// A Config says which hosts a Client may ask, and how.
type Config struct {
	// Address is the URL that was configured by hand. Its host is trusted: it is dialled
	// wherever it is.
	Address string
	// Client makes the requests; nil stands for a client that takes nothing from
	// http.DefaultTransport. It is copied.
	Client *http.Client
	// InsecureHTTPHosts and PrivateHosts name hosts without a port; see NewHosts.
	InsecureHTTPHosts, PrivateHosts []string
	// AllowRedirects follows at most three redirects to the same host and port over https.
	AllowRedirects bool
	// Timeout bounds dialling and the TLS handshake. The context of Get bounds the rest.
	Timeout time.Duration
}

// A Client makes bounded GET requests. It is safe for concurrent use.
type Client struct {
	Hosts
	trusted   http.Client // for hosts that were configured
	named     http.Client // for hosts that an issuer named
	closeIdle func()
}

// New returns a Client. It makes no request and starts no goroutine.
func New(c Config) *Client {
	base := http.Client{}
	if c.Client != nil {
		base = *c.Client
	}
	base.Jar = nil
	base.CheckRedirect = redirectPolicy(c.AllowRedirects)
	client := &Client{
		Hosts:   NewHosts(c.Address, c.InsecureHTTPHosts, c.PrivateHosts),
		trusted: base, named: base,
	}
	client.trusted.Transport, client.named.Transport, client.closeIdle = transports(base.Transport, c.Timeout)
	return client
}

// CloseIdle closes the connections that no request uses, and so ends their goroutines.
func (c *Client) CloseIdle() { c.closeIdle() }

// redirectPolicy returns the redirect itself as the answer if it is not followed: its
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

// A Request asks for one document.
type Request struct {
	What     string // for error texts, such as "jwks: key set"
	URL      string
	Accept   string
	MaxBytes int  // of the document, after decompression
	NoCache  bool // get past every cache on the way (RFC 9111 section 5.2.1.4)
	Validators
}

// A Response is a document, or the answer that it has not changed.
type Response struct {
	NotModified bool
	Header      http.Header
	Body        []byte
}

// Get makes one attempt. Every error is an *Error.
func (c *Client) Get(ctx context.Context, r Request) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return nil, &Error{What: r.What, Problem: "not a URL"}
	}
	r.setHeader(req.Header)
	client := &c.named
	if c.trusts(req.URL.Hostname()) {
		client = &c.trusted
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, transferError(ctx, r.What, err)
	}
	defer func() { _ = res.Body.Close() }()
	return r.read(ctx, res)
}

func (r Request) setHeader(h http.Header) {
	h.Set("Accept", r.Accept)
	h.Set("User-Agent", userAgent)
	if r.NoCache {
		h.Set("Cache-Control", "no-cache")
	}
	r.Validators.set(h)
}

func (r Request) read(ctx context.Context, res *http.Response) (*Response, error) {
	switch {
	case res.StatusCode == http.StatusNotModified && r.Validators != Validators{}:
		return &Response{NotModified: true, Header: res.Header}, nil
	case res.StatusCode != http.StatusOK:
		return nil, statusError(r.What, res)
	}
	// net/http has decompressed the body before this reads it, so the limit counts the
	// decompressed length.
	body, err := io.ReadAll(io.LimitReader(res.Body, int64(r.MaxBytes)+1))
	if err != nil {
		return nil, transferError(ctx, r.What, err)
	}
	if len(body) > r.MaxBytes {
		return nil, &Error{What: r.What, Problem: fmt.Sprintf("longer than %d bytes", r.MaxBytes)}
	}
	return &Response{Header: res.Header, Body: body}, nil
}
