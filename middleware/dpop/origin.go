package dpop

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// An origin is a URL under which the API is reached, in normal form.
type origin struct {
	authority
	prefix string // of the path, without a slash at its end; "" if there is none
}

func (o origin) String() string { return o.scheme + "://" + o.host + o.prefix }

var (
	errInsecureOrigin = errors.New("http is for loopback only: write the https URL that clients use")
	errOriginQuery    = errors.New("an origin has no query and no fragment")
	errOriginText     = errors.New("write one URL, without commas, white space and placeholders")
)

func originsOf(urls []string, problems *mistakes) (origins []origin) {
	problems.report(len(urls) == 0, `Origins: at least one is required, such as "https://api.example.com"`)
	for _, url := range urls {
		o, err := parseOrigin(url)
		problems.report(err != nil, "Origins: %q: %w", url, err)
		problems.report(err == nil && slices.Contains(origins, o), "Origins: %q is a duplicate", url)
		if err == nil {
			origins = append(origins, o)
		}
	}
	return origins
}

func parseOrigin(url string) (origin, error) {
	if strings.ContainsAny(url, "?#") {
		return origin{}, errOriginQuery
	}
	if strings.ContainsAny(url, ", \t\r\n{}<>*") {
		return origin{}, errOriginText
	}
	authority, path, err := splitURI(url)
	if err != nil {
		return origin{}, err
	}
	if authority.scheme != "https" && !authority.isLoopback() {
		return origin{}, errInsecureOrigin
	}
	return origin{authority, strings.TrimSuffix(path, "/")}, nil
}

func (a authority) isLoopback() bool {
	host, _ := a.cutPort()
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.IsLoopback()
}
