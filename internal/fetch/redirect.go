package fetch

import (
	"fmt"
	"net/http"
	"net/url"
)

const maxRedirects = 3

// redirectPolicy returns the redirect itself as the answer if it is not followed: its
// status says what happened.
func redirectPolicy(allowed bool) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		form := via[0].Method == http.MethodPost // with credentials
		if allowed && !form && len(via) <= maxRedirects && next.URL.Scheme == "https" && next.URL.Host == first.Host {
			return nil
		}
		return http.ErrUseLastResponse
	}
}

// isRedirect reports whether net/http can follow an answer of this status.
func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// refusedRedirect says why a redirect from an address was not followed, and what would help. It
// holds nothing of the answer but the name of a host.
func refusedRedirect(from *url.URL, location string, allowed bool) string {
	to, err := from.Parse(location)
	if location == "" || err != nil || !IsHostname(to.Hostname()) {
		return "a redirect without an address that can be used"
	}
	switch {
	case !sameHost(to.Hostname(), from.Hostname()):
		return fmt.Sprintf("a redirect to host %q, which is never followed: if it is right, configure an address on that host", to.Hostname())
	case to.Scheme != "https":
		return "a redirect that is not to https, which is never followed"
	case to.Host != from.Host:
		return "a redirect to another port or spelling of the host, which is never followed"
	case allowed:
		return fmt.Sprintf("more than %d redirects", maxRedirects)
	}
	return "a redirect on the same host: to follow it, set Config.AllowRedirects"
}
