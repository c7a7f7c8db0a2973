package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	maxURLBytes = 2048
	// rediscoveryTimeout leaves most of a fetch to the key set itself where its
	// address is known: a discovery endpoint that hangs must not keep the keys from
	// being refreshed.
	rediscoveryTimeout = 2 * time.Second
)

// A location is where the key set is.
type location struct {
	url  string
	read time.Time     // when discovery said so; zero if URL was configured
	good time.Duration // for how long discovery need not be read again
}

// host returns the key set's host, which was checked when it was configured or named.
func (l location) host() string {
	u, err := url.Parse(l.url)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// untilDue returns how long it is until discovery has to be read again.
func (l location) untilDue(now time.Time) time.Duration {
	age, _ := elapsed(now, l.read)
	return max(0, l.good-age)
}

// A source is the configured issuer, or the configured URL. It holds no state.
type source struct {
	issuer string // empty if discovery is not used
	*getter
}

// discover reads the issuer's metadata: at OpenID Connect's place, and at RFC 8414's
// only where there is nothing at the former.
func (s *source) discover(ctx context.Context, retries *int) (location, error) {
	began := time.Now()
	openID, oauth := wellKnown(s.issuer)
	r := request{what: "discovery document", url: openID, accept: acceptDiscovery}
	res, err := s.persist(ctx, r, retries)
	var failure *fetchError
	if errors.As(err, &failure) && failure.gone() {
		r.url = oauth
		res, err = s.persist(ctx, r, retries)
	}
	if err != nil {
		return location{}, err
	}
	address, err := s.readDiscovery(res.body)
	return location{url: address, read: began, good: rediscovery}, err
}

// wellKnown returns the addresses of the metadata: OpenID Connect Discovery 1.0 section
// 4 appends its path to the issuer's, RFC 8414 section 3.1 puts its own in between host
// and path. One terminating slash is not part of the path.
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

// readDiscovery returns the jwks_uri of a discovery document that is this issuer's. Its
// errors hold nothing of the document but a host name, quoted.
func (s *source) readDiscovery(document []byte) (string, error) {
	var d struct {
		Issuer  *string `json:"issuer"`
		JWKSURI *string `json:"jwks_uri"`
	}
	if json.Unmarshal(document, &d) != nil {
		return "", errors.New("jwks: discovery document: not the JSON of one")
	}
	if err := s.checkIssuer(d.Issuer); err != nil {
		return "", err
	}
	if d.JWKSURI == nil {
		return "", errors.New("jwks: discovery document: no jwks_uri")
	}
	if err := s.hosts.checkNamed(*d.JWKSURI); err != nil {
		return "", fmt.Errorf("jwks: discovery document: jwks_uri: %w", err)
	}
	return *d.JWKSURI, nil
}

// checkIssuer wants the issuer byte for byte (RFC 8414 section 3.3, OpenID Connect
// Discovery 1.0 section 4.3): otherwise whoever controls one path of a host could speak
// for another.
func (s *source) checkIssuer(named *string) error {
	if named != nil && *named == s.issuer {
		return nil
	}
	hint := ""
	switch {
	case named == nil:
		hint = ": it names none"
	case strings.TrimRight(*named, "/") == strings.TrimRight(s.issuer, "/"):
		hint = ": they differ in the trailing slash only, so Config.Issuer may have to be changed"
	case strings.Contains(*named, "{tenantid}"):
		hint = ": it is a template for many tenants, so Config.Issuer has to be that of one tenant"
	}
	return fmt.Errorf("jwks: discovery document: its issuer differs from the configured %q%s", s.issuer, hint)
}

// checkNamed says whether a URL from an issuer's document may be asked at all. Names
// are resolved later, by the dialer; see transports.
func (h hosts) checkNamed(raw string) error {
	if len(raw) > maxURLBytes {
		return fmt.Errorf("longer than %d bytes", maxURLBytes)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || !isHostname(u.Hostname()):
		return errors.New("not a URL with a host")
	case u.User != nil || strings.Contains(raw, "#"):
		return errors.New("a user name or fragment is not allowed")
	case u.Scheme == "http" && !(h.http && h.mayUseHTTP(u.Hostname())):
		return fmt.Errorf("http on host %q is not allowed", u.Hostname())
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("https is required")
	case !h.trusted(u.Hostname()) && isPrivateLiteral(u.Hostname()):
		return fmt.Errorf("host %q: %w", u.Hostname(), errNotPublic)
	}
	return nil
}

// isPrivateLiteral reports what can be said of a host without resolving it.
func isPrivateLiteral(host string) bool {
	addr, err := parseIP(host)
	return isLoopback(host) || err == nil && !isPublic(addr)
}
