package jwks

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/internal/fetch"
)

// A Config says where the keys of one issuer are and how they are kept current. The
// zero value of every field but Issuer and URL is a safe default. [New] copies it.
type Config struct {
	// Issuer is the issuer's identifier, byte for byte as in its tokens' iss and in
	// its metadata, with the trailing slash if it has one. If URL is empty, the key
	// set is found by discovery from it: OpenID Connect Discovery 1.0 section 4, and
	// RFC 8414 section 3 where the issuer answers 404 or 410 to the former.
	Issuer string

	// URL is the address of the key set. If it is set, discovery is never used, and
	// Issuer only names the source in logs.
	URL string

	// Client makes the requests; it defaults to one of its own, which takes nothing from
	// http.DefaultTransport. Use it for a private CA, a proxy other than the
	// environment's, or client certificates. It is copied: its cookie jar is dropped,
	// and redirects follow AllowRedirects. A Transport of type *http.Transport is
	// cloned; what RegisterProtocol added to it is not taken over.
	//
	// A RoundTripper of any other type dials on its own responsibility: of the rules
	// at PrivateHosts, only the one on IP addresses in a URL can be held then. It must
	// end with the request's context: see FetchLimit.
	Client *http.Client

	// InsecureHTTPHosts names the hosts, without a port, that Issuer or URL may reach
	// over http. Loopback ("localhost", 127.0.0.0/8, ::1) needs no mention. Whoever
	// is on the path to such a host can replace the keys, and so make tokens. It never
	// makes an https issuer's key set come over http.
	InsecureHTTPHosts []string

	// PrivateHosts names the hosts, without a port, that discovery may name as the
	// key set's although they are not on the public Internet. A host that stands in
	// Issuer needs no mention. Any other is dialled only on public unicast addresses,
	// so that an issuer cannot point this server at a metadata service or at its
	// neighbours. Behind a proxy that rule is the proxy's to keep: it resolves names.
	PrivateHosts []string

	// AllowRedirects follows redirects to the same host and port over https, at most
	// three. By default none is followed. One to another host or to http never is.
	AllowRedirects bool

	// RefreshAfter is the age at which the key set is refreshed in the background
	// while requests go on using it. It defaults to 15 minutes and is at most one
	// hour. Cache-Control: max-age less Age takes its place, but never below 5
	// minutes or above one hour. A RefreshAfter under 15 minutes brings those bounds
	// and the default of StaleWhileRevalidate down in proportion.
	RefreshAfter time.Duration

	// StaleWhileRevalidate is for how long after that a set is used without waiting
	// for its refresh (RFC 5861 section 3). It defaults to 45 minutes.
	StaleWhileRevalidate time.Duration

	// MaxStale is the age, counted from the last successful fetch, at which a set
	// that was not refreshed is not used any more, whether that failed or, for want of
	// requests, was not tried: see Cache.Run. It defaults to 24 hours, and is at least
	// RefreshAfter plus StaleWhileRevalidate.
	MaxStale time.Duration

	// Seed is a key set to begin with, such as OnDocument handed out before a restart,
	// so that a server can start while its issuer is down. Since nobody knows its age
	// it counts as stale: the first request waits for a refresh, and the seed serves
	// only if that fails, for at most MaxStale. Do not give one that is older than
	// that. A Seed that cannot be read is reported to Logger and otherwise ignored.
	Seed []byte

	// OnDocument, if set, is handed each key set document that came into use, to be
	// stored for Seed: one that differs from the last, or from Seed. When it was stored
	// therefore says when the keys changed; when the issuer last confirmed them, Status
	// says. The slice is its own. It is called on the goroutine of the fetch, after the
	// requests that waited for it have gone on; if it takes longer than a refresh
	// interval, calls overlap.
	OnDocument func(document []byte)

	// Logger gets an event for each change, never one per request: Info for keys
	// added, removed and skipped, for a recovery and for Block; Warn when refreshing
	// begins to fail, when the set becomes stale and when discovery cannot be read
	// again; Error when no request can be served any more, and for each fetch whose
	// RoundTripper ignores its context; Debug for all other fetches. A failure says,
	// where it is known, when the next scheduled fetch is made at the earliest
	// (retry_in), from which host (key_set_host), and until when the present set may
	// be used (usable_until). It defaults to slog.Default(). Use slog.DiscardHandler for
	// silence.
	Logger *slog.Logger

	// FetchLimit bounds the fetches of all caches that share it. It defaults to
	// NewFetchLimit(16) for this cache alone.
	FetchLimit *FetchLimit
}

// validate reports every mistake at once.
func (c Config) validate() error {
	var problems []error
	report := func(err error) { problems = append(problems, err) }
	report(checkHostList("InsecureHTTPHosts", c.InsecureHTTPHosts))
	report(checkHostList("PrivateHosts", c.PrivateHosts))
	report(c.validateAddresses())
	report(c.validateDurations())
	if c.FetchLimit != nil && c.FetchLimit.slots == nil {
		report(errors.New("jwks: invalid Config.FetchLimit: make it with NewFetchLimit"))
	}
	return errors.Join(problems...)
}

func (c Config) validateAddresses() error {
	switch {
	case c.URL != "":
		return c.validateURL("URL", c.URL, true)
	case c.Issuer != "":
		return c.validateURL("Issuer", c.Issuer, false)
	}
	return errors.New("jwks: Config.Issuer or Config.URL is required")
}

// validateURL holds an issuer to RFC 8414 section 2, which allows it no query.
func (c Config) validateURL(field, value string, query bool) error {
	invalid := func(problem string) error {
		return fmt.Errorf("jwks: invalid Config.%s %q: %s", field, value, problem)
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return invalid("not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return invalid("https is required")
	case u.Hostname() == "":
		return invalid("a host is required")
	case u.User != nil:
		return invalid("a user name is not allowed")
	case strings.Contains(value, "#"):
		return invalid("a fragment is not allowed")
	case !query && strings.Contains(value, "?"):
		return invalid("a query is not allowed")
	case u.Scheme == "http" && !fetch.NewHosts(value, c.InsecureHTTPHosts, nil).MayUseHTTP(u.Hostname()):
		return invalid("https is required; to allow http, name the host in Config.InsecureHTTPHosts")
	}
	return nil
}

func checkHostList(field string, hosts []string) error {
	var problems []error
	for _, host := range hosts {
		if !fetch.IsHostname(host) {
			problems = append(problems, fmt.Errorf(
				"jwks: invalid Config.%s entry %q: want a host name or IP address without scheme, port or path", field, host))
		}
	}
	return errors.Join(problems...)
}

func (c Config) validateDurations() error {
	durations := []struct {
		field string
		value time.Duration
	}{
		{"RefreshAfter", c.RefreshAfter},
		{"StaleWhileRevalidate", c.StaleWhileRevalidate},
		{"MaxStale", c.MaxStale},
	}
	var problems []error
	for _, d := range durations {
		if d.value < 0 {
			problems = append(problems, fmt.Errorf("jwks: invalid Config.%s %v: negative", d.field, d.value))
		}
	}
	// A number without a unit is a count of nanoseconds.
	if c.RefreshAfter > 0 && c.RefreshAfter < minRefreshAfter {
		problems = append(problems, fmt.Errorf("jwks: invalid Config.RefreshAfter %v: less than %v", c.RefreshAfter, minRefreshAfter))
	}
	if c.RefreshAfter > maxFreshness {
		problems = append(problems, fmt.Errorf("jwks: invalid Config.RefreshAfter %v: more than %v", c.RefreshAfter, maxFreshness))
	}
	s := newSchedule(c.RefreshAfter, c.StaleWhileRevalidate, c.MaxStale)
	if problems == nil && s.maxStale-s.revalidate < s.refreshAfter {
		problems = append(problems, fmt.Errorf(
			"jwks: invalid Config.MaxStale %v: less than RefreshAfter %v plus StaleWhileRevalidate %v",
			s.maxStale, s.refreshAfter, s.revalidate))
	}
	return errors.Join(problems...)
}

// fetchClient returns the client for the configured addresses.
func (c Config) fetchClient() *fetch.Client {
	address := c.URL
	if address == "" {
		address = c.Issuer
	}
	return fetch.New(fetch.Config{
		Address: address, Client: c.Client,
		InsecureHTTPHosts: c.InsecureHTTPHosts, PrivateHosts: c.PrivateHosts,
		AllowRedirects: c.AllowRedirects, Timeout: fetchTimeout,
	})
}
