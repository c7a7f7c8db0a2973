package jwks

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/internal/fetch"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// A Config says where the keys of one issuer are and how they are kept current.
//
// Issuer or URL is required. The zero value of every other field is a safe default. [New]
// copies the Config.
type Config struct {
	// Issuer is the issuer's identifier, byte for byte as in the iss of its tokens. A slash at
	// its end is part of it. If URL is empty, the key set is found by discovery:
	// OpenID Connect Discovery 1.0 section 4, and RFC 8414 section 3 if the issuer's answer
	// to the former is not a discovery document.
	Issuer string

	// URL is the address of the key set. If it is set, discovery is not used, and Issuer
	// only names the source in logs.
	URL string

	// Client makes the requests. The default is a client that takes nothing from
	// http.DefaultTransport. Set it for a private CA, a proxy other than the
	// environment's, or client certificates. It is copied: the copy has no cookie jar,
	// and its redirects follow AllowRedirects. A Transport of type *http.Transport is
	// cloned, without what RegisterProtocol added to it.
	//
	// A RoundTripper of any other type should be set with WrapTransport instead. In Client, it
	// follows the rules of PrivateHosts only if an *http.Transport below it connects with the
	// context of the request: a connection to a private address is closed before the request is
	// written. Any other one must apply these rules itself when it dials; the cache can only refuse
	// private IP addresses in URLs. It must end with the context of the request: see NewFetchLimit.
	Client *http.Client

	// InsecureHTTPHosts names the hosts, without a port, that Issuer or URL may reach
	// over http. Loopback ("localhost", 127.0.0.0/8, ::1) is always allowed. An attacker on
	// the path to such a host can replace the keys, and so make tokens. The key set of an
	// https issuer never comes over http.
	InsecureHTTPHosts []string

	// PrivateHosts names hosts outside the public Internet that a jwks_uri may be on, without
	// a port. The host of Issuer is always allowed, unless PublicOnly
	// is set. Any other host is dialled on public unicast addresses only, so that an issuer
	// cannot make this server ask a metadata service or a neighbour. A proxy resolves names
	// itself, so behind a proxy this rule is the proxy's to keep.
	PrivateHosts []string

	// PublicOnly says that Issuer and URL were not configured by hand. They come from elsewhere,
	// such as the record of a tenant. Then their hosts have no privilege: they are dialled on
	// public unicast addresses only, unless PrivateHosts names them, and over http only if
	// InsecureHTTPHosts names them, on loopback too. AllowRedirects and Authorization cannot be
	// set with it. Without PublicOnly, such a URL would be a way into the network of this server.
	// PrivateHosts says what does not hold behind a proxy, and Client what does not hold with some
	// RoundTrippers.
	PublicOnly bool

	// AllowRedirects follows at most three redirects to the same host and port over https.
	// By default no redirect is followed. A redirect to another host or to http never is.
	AllowRedirects bool

	// RootCAs are the certificate authorities that the issuer's certificate is checked
	// against. The default is the system's. It cannot be set together with a Transport of
	// Client, which has its own.
	RootCAs *x509.CertPool

	// WrapTransport, if set, returns the RoundTripper to use, for example one that traces or
	// counts. New calls it with the transport of the requests. Unlike a RoundTripper in Client, it
	// keeps the rules on addresses, because the wrapped transport still dials. It can be called
	// more than once, and must not return nil.
	WrapTransport func(http.RoundTripper) http.RoundTripper

	// Authorization, if set, returns the value of the Authorization field: "Bearer " and a token.
	// It is for a key set behind authentication, such as that of a Kubernetes API server.
	// It is called before each request, so it can read a token that changes. Only the
	// host and port of Issuer or URL get the value, and only over https. An error is a failed fetch.
	// Caches can share the function if it is safe for concurrent use.
	Authorization func(ctx context.Context) (string, error)

	// SPIFFEBundle says that the key set is the bundle of a SPIFFE trust domain. Its keys
	// with the use jwt-svid verify tokens, and no other key does; each needs a kid (JWT-SVID
	// sections 6.1 and 6.2). Without SPIFFEBundle, those keys are skipped. A bundle without
	// a usable key says that all were revoked (SPIFFE Trust Domain and Bundle section
	// 4.1.3): the former ones are not used any more.
	//
	// SPIRE's OIDC Discovery Provider publishes no bundle: its keys have the use sig or none.
	SPIFFEBundle bool

	// RefreshAfter is the age at which the key set is refreshed in the background while
	// requests continue to use it. It defaults to 15 minutes and is at most one hour.
	// Cache-Control: max-age less Age replaces it, but never below 5 minutes or above one
	// hour. A RefreshAfter under 15 minutes lowers these bounds, and the default of
	// StaleWhileRevalidate, in proportion.
	RefreshAfter time.Duration

	// StaleWhileRevalidate is how long after RefreshAfter requests use a set without
	// waiting for its refresh (RFC 5861 section 3). It defaults to 45 minutes.
	StaleWhileRevalidate time.Duration

	// MaxStale is the age at which a set is not used any more. It counts from the last
	// successful fetch, whether later fetches failed or there were no requests to start
	// one: see Cache.Run. It defaults to 24 hours, and is at least RefreshAfter plus
	// StaleWhileRevalidate.
	MaxStale time.Duration

	// Seed is a key set to start with: a document that OnDocument delivered before a
	// restart. With a Seed a server can start while its issuer is down. A Seed counts as
	// stale: the first request waits for a refresh, and the Seed serves only if the refresh
	// fails or takes more than 3 s. The kids that were blocked when it was delivered are
	// blocked again, and so is their material. A Seed that cannot be read is reported to
	// Logger and ignored.
	Seed []byte

	// SeedTime is when OnDocument delivered Seed. MaxStale counts from it, or from the time
	// in the Seed if that is earlier. If there is neither, the age of the Seed is not known,
	// and it serves for RefreshAfter plus StaleWhileRevalidate only.
	SeedTime time.Time

	// OnDocument, if set, is called with a key set document that was fetched, for Seed and
	// SeedTime. It gets each document that differs from the one before it, and the present
	// one after each Block. It gets an unchanged one again after the first successful fetch
	// that is a twenty-fourth of MaxStale later. Calls do not overlap. If documents come
	// faster than OnDocument stores them, it gets the newest.
	//
	// The document is the issuer's. If kids are blocked, it also has members that begin with
	// bearerguard_: the kids, their material, and when the document was fetched, because
	// Block can deliver it later. The slice belongs to OnDocument. It is called on the
	// goroutine of the fetch, or of Block, after the requests that waited for the fetch were
	// released. If it panics, the panic is logged as an Error.
	OnDocument func(document []byte)

	// OnFetch, if set, is called once at the end of each fetch, for metrics. cause is
	// "schedule"; "forced", for an unknown key; or "asked", by Refresh. result is "ok",
	// "not_modified", after a 304, or "error". took is without the wait for a place in the
	// FetchLimit. A fetch that never got a place is not reported. One that a freeze of the
	// process cut off is reported when its goroutine ends.
	//
	// It is called on the goroutine of the fetch, after the requests that waited for the fetch
	// were released. The next fetch does not wait for it, so calls can overlap. If it panics,
	// the panic is logged as an Error.
	OnFetch func(cause, result string, took time.Duration)

	// OnWait, if set, is called when a request begins to wait for a fetch. It is for tracing, and
	// gets the context of the request. The function that it returns, which can be nil, is called
	// when the wait is over, with the error that the request gets, or nil.
	//
	// A request is a call of Keys or Ready, and has at most one OnWait, though it can wait for
	// several fetches in a row. Refresh and Run are no requests. Requests that need not wait
	// cost nothing. Both functions run on the goroutine of the request, which they delay. A
	// panic in them is one of the request.
	OnWait func(ctx context.Context) (done func(err error))

	// Logger gets an event for each change, never one per request. It defaults to
	// slog.Default(). Use slog.DiscardHandler for silence.
	//
	// Its methods are called on the goroutines of fetches, and of New and Block.
	//
	// Info: keys added, removed or skipped, a recovery, and Block. Warn: refreshing starts
	// to fail, the set becomes stale, or discovery cannot be read again. Error: no request
	// can be served any more, and each fetch whose RoundTripper ignores its context. Debug:
	// all other fetches.
	//
	// While fetches fail, the Warn or Error is repeated each hour, and when half and nine tenths
	// of MaxStale are over, by the next fetch that fails. A failure says how long fetches have
	// failed (failed_for), and how many in a row (failures). Where they are known, it has the
	// earliest time of the next scheduled fetch (retry_in), the host (key_set_host) and the end of
	// the present set's use (usable_until). A recovery has failed_for too.
	//
	// Warn when a flood of unknown keys begins, and Info when it is over, with the number of
	// its look-ups. It is a flood when 10 look-ups within a minute are answered without a fetch
	// because no forced fetch is left, or the issuer asked for a pause. It is over after 5
	// minutes without one. The next fetch that ends notices both. A kid of a token is never
	// logged.
	Logger *slog.Logger

	// FetchLimit bounds the fetches of all caches that share it. It defaults to
	// NewFetchLimit(16) for this cache only.
	FetchLimit *FetchLimit
}

// hosts returns the rules about host names for a configured address.
func (c Config) hosts(address string) fetch.Hosts {
	h := fetch.NewHosts(address, c.InsecureHTTPHosts, c.PrivateHosts)
	if c.PublicOnly {
		h = h.PublicOnly()
	}
	return h
}

// parser returns the reader of the key set.
func (c Config) parser() keyset.Parser {
	if c.SPIFFEBundle {
		return keyset.ParseBundle
	}
	return keyset.Parse
}

// fetchClient returns the client for the configured addresses.
func (c Config) fetchClient(random func() float64) *fetch.Client {
	address := c.URL
	if address == "" {
		address = c.Issuer
	}
	return fetch.New(fetch.Config{
		Address: address, Client: c.Client, PublicOnly: c.PublicOnly,
		InsecureHTTPHosts: c.InsecureHTTPHosts, PrivateHosts: c.PrivateHosts,
		AllowRedirects: c.AllowRedirects, Timeout: fetchTimeout,
		Random: random, RootCAs: c.RootCAs, WrapTransport: c.WrapTransport, Authorization: c.Authorization,
	})
}
