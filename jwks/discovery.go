package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/bearerguard/bearerguard/internal/fetch"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

const (
	whatDiscovery   = "jwks: discovery document"
	acceptDiscovery = "application/json"
	// rediscoveryTimeout leaves most of a fetch to the key set itself where its address is
	// known. A discovery endpoint that hangs must not keep the keys from being refreshed.
	rediscoveryTimeout = 2 * time.Second
)

// A location is where the key set is.
type location struct {
	url  string
	read time.Time     // when discovery said so; zero if URL was configured
	good time.Duration // how long discovery need not be read again
}

// host returns the key set's host, which was checked when it was configured or named.
func (l location) host() string {
	u, err := url.Parse(l.url)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// untilDue returns how long it is until discovery must be read again.
func (l location) untilDue(now time.Time) time.Duration {
	age, _ := elapsed(now, l.read)
	return max(0, l.good-age)
}

// discover reads the issuer's metadata: from OpenID Connect's address, and from RFC 8414's
// if the former answers with anything but metadata. An authorization server without OpenID
// Connect can answer there with a page of HTML, a redirect or a 401.
//
// It can also answer there with a 5xx, as in an outage. In an outage a second request would
// double the load. So after such an answer the next attempt asks RFC 8414's address first.
func (s *source) discover(ctx context.Context, p *plan, retries *fetch.Retries) (location, error) {
	began := s.now()
	first, second := wellKnown(s.issuer)
	if p.oauthFirst {
		first, second = second, first
	}
	request := fetch.Request{
		What: whatDiscovery, URL: first, Accept: acceptDiscovery,
		MaxBytes: keyset.MaxDocumentBytes, CacheControl: maxAge,
	}
	if p.cacheControl == "" {
		request.CacheControl = ""
	}
	address, err := s.metadata(ctx, request, retries)
	if isNoMetadata(err) {
		var other error
		request.URL = second
		if address, other = s.metadata(ctx, request, retries); other == nil || !isNoMetadata(other) || isGone(err) {
			err = other
		}
	}
	return location{url: address, read: began, good: rediscovery}, err
}

// A reread is the result of reading discovery again.
type reread struct {
	location location
	err      error
	panicked any
}

// rediscover reads discovery again while the key set is asked for at its known address. Otherwise
// the requests that wait for the key set would wait for both, and get an old set after 3 s
// although the issuer answers. It calls moved if there is another address.
//
// Its goroutine ends with the fetch, which waits for the result. A panic there would end the
// process, so it is passed on.
func (s *source) rediscover(ctx context.Context, p *plan, moved func()) <-chan reread {
	result := make(chan reread, 1)
	once := fetch.Retries{Plain: p.retries.Plain}
	go func() {
		r := reread{err: errPanic}
		defer func() {
			r.panicked = recover()
			result <- r
		}()
		ctx, cancel := context.WithTimeout(ctx, rediscoveryTimeout)
		defer cancel()
		r.location, r.err = s.discover(ctx, p, &once)
		if r.err == nil && r.location.url != p.known.url {
			moved()
		}
	}()
	return result
}

// metadata returns the jwks_uri of the document at an address.
func (s *source) metadata(ctx context.Context, r fetch.Request, retries *fetch.Retries) (string, error) {
	res, err := s.client.GetWithRetries(ctx, r, retries)
	if err != nil {
		return "", err
	}
	return s.readDiscovery(res.Body)
}

// isNoMetadata reports whether there was an answer, and it was not a discovery document.
func isNoMetadata(err error) bool {
	var failure *fetch.Error
	if errors.As(err, &failure) {
		return fetch.Answered(err) && !failure.Retry
	}
	return errors.Is(err, errNoMetadata)
}

func isGone(err error) bool {
	var failure *fetch.Error
	return errors.As(err, &failure) && failure.Gone()
}

var errNoMetadata = errors.New("jwks: discovery document: not the JSON of one")

// wellKnown returns the addresses of the metadata. OpenID Connect Discovery 1.0 section 4
// appends its path to the issuer's path. RFC 8414 section 3.1 puts its own between host and
// path. One trailing slash is not part of the path.
func wellKnown(issuer string) (openID, oauth string) {
	base := strings.TrimSuffix(issuer, "/")
	scheme, rest, _ := strings.Cut(base, "://")
	host, path, found := strings.Cut(rest, "/")
	if found {
		path = "/" + path
	}
	return base + "/.well-known/openid-configuration",
		scheme + "://" + host + "/.well-known/oauth-authorization-server" + path
}

// readDiscovery returns the jwks_uri of a discovery document that belongs to this issuer.
// Its errors hold nothing of the document but a host name, quoted.
func (s *source) readDiscovery(document []byte) (string, error) {
	var d struct {
		Issuer  *string `json:"issuer"`
		JWKSURI *string `json:"jwks_uri"`
	}
	if json.Unmarshal(keyset.TrimMark(document), &d) != nil || d.Issuer == nil && d.JWKSURI == nil {
		return "", notMetadata(document)
	}
	if err := s.checkIssuer(d.Issuer); err != nil {
		return "", err
	}
	if d.JWKSURI == nil {
		return "", errors.New("jwks: discovery document: no jwks_uri")
	}
	if err := s.client.CheckNamed(*d.JWKSURI); err != nil {
		return "", fmt.Errorf("jwks: discovery document: jwks_uri: %w", err)
	}
	return *d.JWKSURI, nil
}

// notMetadata says what a document looks like that is no discovery document.
func notMetadata(document []byte) error {
	switch looks := keyset.LooksLike(document); looks {
	case "", keyset.LooksLikeMetadata: // with a mistake in it
		return errNoMetadata
	default:
		return fmt.Errorf("%w: %s", errNoMetadata, looks)
	}
}

// checkIssuer wants the issuer byte for byte (RFC 8414 section 3.3, OpenID Connect Discovery
// 1.0 section 4.3). Otherwise an attacker who controls one path of a host could speak for
// another issuer on it.
func (s *source) checkIssuer(named *string) error {
	if named != nil && *named == s.issuer {
		return nil
	}
	hint := ""
	switch {
	case named == nil:
		hint = ": it names none"
	case strings.TrimRight(*named, "/") == strings.TrimRight(s.issuer, "/"):
		hint = ": they differ in the trailing slash only, so Config.Issuer may need a change"
	case strings.Contains(*named, "{tenantid}"):
		hint = ": it is a template for many tenants, so Config.Issuer must be that of one tenant"
	}
	return fmt.Errorf("jwks: discovery document: its issuer differs from the configured %q%s", s.issuer, hint)
}
