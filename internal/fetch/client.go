package fetch

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const defaultUserAgent = "bearerguard-jwks"

// A Config says which hosts a Client may ask, and how.
type Config struct {
	// Address is the URL that was configured by hand. Its host is trusted: it is dialled
	// wherever it is.
	Address string
	// PublicOnly says that Address was not configured by hand, so its host is not trusted.
	PublicOnly bool
	// Client makes the requests; nil means a client that takes nothing from
	// http.DefaultTransport. It is copied.
	Client *http.Client
	// InsecureHTTPHosts and PrivateHosts name hosts without a port; see NewHosts.
	InsecureHTTPHosts, PrivateHosts []string
	// AllowRedirects follows at most three redirects to the same host and port over https.
	AllowRedirects bool
	// Certificate authenticates this client (RFC 8705 section 2). It needs a Client without a
	// Transport.
	Certificate *tls.Certificate
	// RootCAs replaces the system's certificate authorities. It needs a Client without a
	// Transport.
	RootCAs *x509.CertPool
	// WrapTransport, if set, returns the transport to use. It is called with each transport after
	// its dial rules are in place.
	WrapTransport func(http.RoundTripper) http.RoundTripper
	// Authorization, if set, returns the Authorization field value of requests to the host
	// of Address over TLS. No other host gets it.
	Authorization func(context.Context) (string, error)
	// IdleConnections is how many connections are kept for later requests, for 90 seconds. A
	// Transport of the Client has its own number, and its own time unless that is 0. By default
	// CloseIdle must close them.
	IdleConnections int
	// UserAgent is the User-Agent field. The default is that of package jwks.
	UserAgent string
	// Timeout bounds dialling and the TLS handshake. The context of a request bounds the rest.
	Timeout time.Duration
	// Random returns the jitter of retries, in [0, 1). The default is rand.Float64.
	Random func() float64
}

// A Client makes bounded GET and POST requests. It is safe for concurrent use.
type Client struct {
	Hosts
	redirects     bool        // AllowRedirects
	trusted       http.Client // for hosts that were configured
	named         http.Client // for hosts that an issuer named
	closeIdle     func()
	authorization func(context.Context) (string, error)
	random        func() float64
	userAgent     string
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
		Hosts:     NewHosts(c.Address, c.InsecureHTTPHosts, c.PrivateHosts),
		redirects: c.AllowRedirects,
		trusted:   base, named: base,
		authorization: c.Authorization,
		random:        c.Random,
		userAgent:     cmp.Or(c.UserAgent, defaultUserAgent),
	}
	if c.PublicOnly {
		client.Hosts = client.Hosts.PublicOnly()
	}
	if client.random == nil {
		client.random = rand.Float64
	}
	trusted, named, closeIdle := transports(base.Transport, c)
	if c.WrapTransport != nil {
		trusted, named = c.WrapTransport(trusted), c.WrapTransport(named)
	}
	client.trusted.Transport, client.named.Transport, client.closeIdle = trusted, named, closeIdle
	return client
}

// Complete reports whether WrapTransport returned a RoundTripper. In place of nil, net/http would
// use http.DefaultTransport, which follows none of the dial rules.
func (c *Client) Complete() bool {
	return c.trusted.Transport != nil && c.named.Transport != nil
}

// CloseIdle closes the connections that no request uses, and so ends their goroutines.
func (c *Client) CloseIdle() { c.closeIdle() }

// A Request asks for one document.
type Request struct {
	What     string // for error texts, such as "jwks: key set"
	URL      string
	Accept   string
	MaxBytes int // of the document, after decompression
	// CacheControl is the request directive for the caches on the way (RFC 9111 section
	// 5.2.1). Empty sends none.
	CacheControl string
	Validators
	onAnswer func(Answer) // see Retries; can be nil
}

// A Response is a document, or the answer that it has not changed.
type Response struct {
	NotModified bool
	Plain       bool // the request had no CacheControl
	Header      http.Header
	Body        []byte
}

// Get makes one attempt. Every error is an *Error.
func (c *Client) Get(ctx context.Context, r Request) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return nil, &Error{What: r.What, Problem: "not a URL"}
	}
	if err := c.authorize(req); err != nil {
		return nil, &Error{What: r.What, Problem: "no Authorization for the request", Cause: err}
	}
	return c.do(ctx, req, r)
}

// Post makes one attempt with a form as its body, to a URL that was configured by hand.
// authorization is the Authorization field value, or "" for none. Every error is an *Error.
func (c *Client) Post(ctx context.Context, r Request, form url.Values, authorization string) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, &Error{What: r.What, Problem: "not a URL"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !form.Has("client_assertion") { // the issuer accepts each one once (RFC 7523 section 3)
		// On the wire it is not there. It says that net/http can send the form once more if the
		// server has closed an idle connection at the same moment: to ask twice changes nothing.
		req.Header["Idempotency-Key"] = []string{}
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return c.do(ctx, req, r)
}

func (c *Client) do(ctx context.Context, req *http.Request, r Request) (*Response, error) {
	r.setHeader(req.Header)
	req.Header.Set("User-Agent", c.userAgent)
	client := &c.named
	if c.trusts(req.URL.Hostname()) {
		client = &c.trusted
	}
	sent := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return nil, transferError(ctx, r.What, err)
	}
	defer func() { _ = res.Body.Close() }()
	if r.onAnswer != nil {
		r.onAnswer(newAnswer(res, sent, time.Now()))
	}
	if isRedirect(res.StatusCode) {
		failure := statusError(r.What, res)
		failure.Problem += ", "
		if req.Method == http.MethodPost {
			failure.Problem += "a redirect, which is not followed because the form has credentials"
		} else {
			failure.Problem += refusedRedirect(req.URL, res.Header.Get("Location"), c.redirects)
		}
		return nil, failure
	}
	return r.read(ctx, res)
}

func (r Request) setHeader(h http.Header) {
	h.Set("Accept", r.Accept)
	if r.CacheControl != "" {
		h.Set("Cache-Control", r.CacheControl)
	}
	r.Validators.set(h)
}

// authorize adds the credential to a request for the configured host and port. A host that an
// issuer named must not get it, and neither must a network without TLS. net/http drops it when a
// redirect leads to another host.
func (c *Client) authorize(req *http.Request) error {
	if c.authorization == nil || req.URL.Scheme != "https" ||
		!sameHost(req.URL.Hostname(), c.configured) || portOf(req.URL) != c.port {
		return nil
	}
	value, err := c.authorization(req.Context())
	if err == nil && value != "" {
		req.Header.Set("Authorization", value)
	}
	return err
}

func (r Request) read(ctx context.Context, res *http.Response) (*Response, error) {
	plain := r.CacheControl == ""
	switch {
	case res.StatusCode == http.StatusNotModified && r.Validators != Validators{}:
		return &Response{NotModified: true, Plain: plain, Header: res.Header}, nil
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
		problem := fmt.Sprintf("longer than %d bytes", r.MaxBytes)
		return nil, &Error{What: r.What, Problem: problem, Status: res.StatusCode}
	}
	return &Response{Plain: plain, Header: res.Header, Body: body}, nil
}
