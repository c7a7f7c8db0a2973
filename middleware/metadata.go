package middleware

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/bearerguard/bearerguard/internal/redact"
)

const (
	metadataPath = "/.well-known/oauth-protected-resource"

	// metadataCacheControl lets a change reach clients within the hour (RFC 9728 section
	// 7.10).
	metadataCacheControl = "public, max-age=3600"
)

// ResourceMetadata returns the handler that publishes this API's protected resource
// metadata (RFC 9728). A client that knows only the address of the API learns from them
// where to get a token: the challenge names their URL, and they name the authorization
// servers. MCP clients do this first.
//
// The handler must be outside the protection, at the path that RFC 9728 section 3.1 forms:
// "/.well-known/oauth-protected-resource" and the path of Config.Resource. The pattern
// "/.well-known/" suffices, because the handler answers 404 for other paths. It answers
// GET, HEAD and CORS preflights, also for pages of other origins.
//
// The document has the resource, its authorization servers (Config.AuthorizationServers
// become public), that tokens are read from the header (unless Config.TokenField is set), and the
// given scopes. It has no
// signing algorithms, because RFC 9728 section 2 means those of signed responses. It changes
// only with Middleware.Replace, whose issuers must then fit this document, too.
//
// Call ResourceMetadata after the routes are declared. The error reports all problems
// together: a Config without Resource, or with a Verifier but without AuthorizationServers;
// an issuer that is no https URL (http on loopback and in Config.InsecureHTTPHosts), or has
// a query or a fragment (RFC 8414 section 2); and scopes that no [Guard] of this Middleware
// asks for or accepts. For a scope that only [Authorize] asks for, declare a Guard.
func (m *Middleware) ResourceMetadata(scopes ...string) (http.Handler, error) {
	var problems []error
	report := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf("middleware: ResourceMetadata "+format, args...))
		}
	}
	report(m.resource == "", "needs Config.Resource")
	servers := *m.servers.Load()
	report(len(servers) == 0, "needs Config.AuthorizationServers, as the issuers of Config.Verifier and Config.Tenants are not known")
	for _, server := range servers {
		err := checkServer(server, m.insecureHosts)
		report(err != nil, "cannot publish the issuer %q: %w", redact.URL(server), err)
	}
	unknown := m.undeclared(scopes)
	report(len(unknown) > 0, "would publish scopes that no route needs: %q", unknown)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	m.publishes.Store(true)
	return newMetadataHandler(m, scopes), nil
}

// declare remembers the scopes that a route accepts.
func (m *Middleware) declare(policies []Policy) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.declared == nil {
		m.declared = map[string]bool{}
	}
	for _, scope := range acceptedScopes(policies) {
		m.declared[scope] = true
	}
}

// undeclared returns the scopes that no declared route accepts.
func (m *Middleware) undeclared(scopes []string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return m.declared[scope] })
}

// A metadataHandler serves the metadata of one resource.
type metadataHandler struct {
	m           *Middleware
	scopes      []string
	path, query string                    // of the metadata's URL
	latest      atomic.Pointer[published] // the body for the present authorization servers
}

// A published is a body, with the authorization servers that are in it.
type published struct {
	body
	servers *[]string
}

func newMetadataHandler(m *Middleware, scopes []string) *metadataHandler {
	u, _ := url.Parse(metadataURL(m.resource)) // New has checked it
	return &metadataHandler{m: m, scopes: slices.Clone(scopes), path: u.EscapedPath(), query: u.RawQuery}
}

// body returns the document with the present authorization servers.
func (h *metadataHandler) body() body {
	m, servers := h.m, h.m.servers.Load()
	if latest := h.latest.Load(); latest != nil && latest.servers == servers {
		return latest.body
	}
	document := struct {
		Resource   string   `json:"resource"`
		Servers    []string `json:"authorization_servers,omitempty"` // RFC 9728 section 3.2: no empty list
		Scopes     []string `json:"scopes_supported,omitempty"`
		Methods    []string `json:"bearer_methods_supported,omitempty"`
		Algorithms []string `json:"dpop_signing_alg_values_supported,omitempty"`
		Bound      bool     `json:"dpop_bound_access_tokens_required,omitempty"`
		MutualTLS  bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"` // RFC 9728 section 2: supported
	}{Resource: m.resource, Servers: *servers, Scopes: h.scopes, Methods: []string{"header"}, MutualTLS: m.mtls != nil}
	if m.tokenField != "" {
		document.Methods = nil // RFC 6750 has no such method
	}
	if m.dpop != nil {
		document.Algorithms, document.Bound = m.dpop.Algorithms(), m.demandsDPoP()
	}
	text, _ := json.Marshal(document) // strings and a bool: it cannot fail
	made := &published{body{text, strconv.Itoa(len(text))}, servers}
	h.latest.Store(made)
	return made.body
}

func (h *metadataHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Any page may read the answers, because they do not depend on the caller.
	setFields(w.Header(), "Access-Control-Allow-Origin", "*")
	switch {
	case !h.owns(r.URL):
		http.NotFound(w, r)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		b := h.body()
		setFields(w.Header(), "Content-Type", "application/json", "Content-Length", b.length,
			"Cache-Control", metadataCacheControl, "X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodGet {
			_, _ = w.Write(b.text) // fails if the client is gone: there is nothing left to do
		}
	case r.Method == http.MethodOptions:
		// A browser asks if the page sets a header field such as MCP-Protocol-Version. The
		// * does not include Authorization, which is not needed here.
		setFields(w.Header(), "Allow", "GET, HEAD, OPTIONS", "Access-Control-Allow-Methods", "GET, HEAD",
			"Access-Control-Allow-Headers", "*", "Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
	default:
		setFields(w.Header(), "Allow", "GET, HEAD, OPTIONS")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	}
}

// owns reports whether u is the URL of the metadata. The query must match, because another
// resource may differ only in its query. A slash at the end may be missing: many clients
// remove it, although RFC 9728 section 3.1 only means a slash after the host.
func (h *metadataHandler) owns(u *url.URL) bool {
	path := u.EscapedPath()
	return (path == h.path || path+"/" == h.path) && u.RawQuery == h.query
}

// metadataURL returns the URL of the metadata of a resource (RFC 9728 section 3.1). The
// well-known path comes between the host and the rest. A path that is only a slash is
// dropped. For "" it returns "".
func metadataURL(resource string) string {
	if resource == "" {
		return ""
	}
	scheme, host, _ := strings.Cut(resource, "://")
	rest := ""
	if end := strings.IndexAny(host, "/?"); end >= 0 {
		host, rest = host[:end], host[end:]
	}
	if rest == "/" || strings.HasPrefix(rest, "/?") {
		rest = rest[1:]
	}
	return scheme + "://" + host + metadataPath + rest
}

func (c *Config) issuerURLs() []string {
	if c.Issuer != "" {
		return []string{c.Issuer}
	}
	var urls []string
	for _, issuer := range c.Issuers {
		urls = append(urls, issuer.URL)
	}
	return urls
}

// checkServers reports what is wrong with AuthorizationServers. A server that is not
// trusted would send clients tokens which this API refuses.
func (c *Config) checkServers() []error {
	var problems []error
	report := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf("middleware: invalid Config.AuthorizationServers "+format, args...))
		}
	}
	list := c.AuthorizationServers
	report(list != nil && len(list) == 0, "%q: at least one is required", list)
	report(len(list) > 0 && c.Resource == "", "%q: they go with Resource only", list)
	for n, server := range list {
		name := redact.URL(server)
		report(slices.Contains(list[:n], server), "%q: a duplicate", name)
		known := c.Verifier == nil && c.Tenants == nil
		report(known && !slices.Contains(c.issuerURLs(), server), "%q: it is none of the issuers", name)
		if !known {
			err := checkServer(server, nil)
			report(err != nil, "%q: %w", name, err)
		}
	}
	return problems
}

// checkServer reports what is wrong with an issuer that clients are sent to (RFC 8414
// section 2).
func checkServer(issuer string, insecureHosts []string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "":
		return errors.New("it is not a URL with a host")
	case u.User != nil || strings.ContainsAny(issuer, "?#"):
		return errors.New("it may have neither user information nor a query or a fragment")
	case u.Scheme == "http" && slices.ContainsFunc(insecureHosts, func(host string) bool {
		return strings.EqualFold(host, u.Hostname())
	}):
		return nil
	}
	return checkPublicURL(issuer)
}

// checkPublicURL reports what is wrong with a URL that clients are told. An empty one is
// not set.
func checkPublicURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("it is not a URL")
	case strings.ContainsFunc(s, unprintable) || strings.ContainsAny(s, ` "\`):
		return errors.New("a character must be percent-encoded")
	case u.Hostname() == "" || u.User != nil || strings.Contains(s, "#"):
		return errors.New("it needs a host, and neither user information nor a fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return errors.New("https is required")
	}
	return nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
