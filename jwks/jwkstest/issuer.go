package jwkstest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Audience is the default aud claim of the tokens of [Issuer.Token].
const Audience = "https://api.example.test"

// Config configures an [Issuer]. The zero value is valid.
type Config struct {
	// URL is the issuer identifier, exactly as in the iss claim and in the metadata. It
	// may have a path. It defaults to "https://issuer.example.test/", which ends with a
	// slash like the issuers of Auth0.
	URL string

	// Key is the first published key, and the first key that signs. It defaults to
	// NewKey("ES256").
	Key Key

	// Clients are the clients that the token endpoint knows. The default is none.
	Clients []Client

	// OnGrant, if set, is called before the token endpoint issues a token. It may change
	// the grant, or deny it by returning an error; the text of that error becomes the
	// error_description. It can be called concurrently.
	OnGrant func(ctx context.Context, g *Grant) error

	// OnRequest, if set, is called with each request before the answer or the fault. The
	// endpoint is empty if the path does not belong to this issuer. It can be called
	// concurrently, and it may block.
	OnRequest func(e Endpoint, r *http.Request)
}

// An Endpoint names one of an issuer's documents or services.
type Endpoint string

// The endpoints of an [Issuer].
const (
	Discovery     Endpoint = "discovery" // OpenID Connect Discovery 1.0 section 4
	Metadata      Endpoint = "metadata"  // RFC 8414 section 3
	JWKS          Endpoint = "jwks"      // RFC 7517 section 5
	TokenEndpoint Endpoint = "token"     // RFC 6749 section 3.2
)

// An Issuer is an authorization server in memory. Use [NewIssuer] to make one. All its
// methods are safe for concurrent use.
type Issuer struct {
	url       string
	tokenURL  string
	paths     map[string]Endpoint
	clients   map[string]Client
	onGrant   func(context.Context, *Grant) error
	onRequest func(Endpoint, *http.Request)

	mu      sync.Mutex // guards what follows
	signer  Key
	keys    keyList
	caching Caching
	jwksURL string
	former  map[string][]byte // from the path of an earlier jwks_uri to the key set it still serves
	faults  map[Endpoint]*faultQueue
	counts  map[Endpoint]int
}

// NewIssuer returns an issuer with one published key. It starts no goroutine and needs
// no closing. It panics on an invalid Config.
func NewIssuer(c Config) *Issuer {
	if c.URL == "" {
		c.URL = "https://issuer.example.test/"
	}
	if c.Key.Private == nil {
		c.Key = NewKey("ES256")
	}
	base := strings.TrimSuffix(c.URL, "/")
	i := &Issuer{
		url:       c.URL,
		tokenURL:  base + "/oauth/token",
		jwksURL:   base + "/.well-known/jwks.json",
		paths:     endpointPaths(base),
		clients:   clientsByID(c.Clients),
		onGrant:   c.OnGrant,
		onRequest: c.OnRequest,
		former:    make(map[string][]byte),
		faults:    make(map[Endpoint]*faultQueue),
		counts:    make(map[Endpoint]int),
	}
	i.Publish(c.Key)
	i.SignWith(c.Key)
	return i
}

// endpointPaths returns the endpoints whose paths never change, by path. OpenID Connect
// Discovery appends the well-known path to the issuer's path; RFC 8414 section 3.1
// inserts it before that path.
func endpointPaths(base string) map[string]Endpoint {
	path := pathOf(base)
	return map[string]Endpoint{
		path + "/.well-known/openid-configuration":       Discovery,
		"/.well-known/oauth-authorization-server" + path: Metadata,
		path + "/oauth/token":                            TokenEndpoint,
	}
}

func pathOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" || u.Host == "" {
		panic(fmt.Sprintf("jwkstest: invalid URL %q: scheme and host are required", rawURL))
	}
	return u.EscapedPath()
}

// URL returns the issuer identifier.
func (i *Issuer) URL() string { return i.url }

// TokenURL returns the address of the token endpoint.
func (i *Issuer) TokenURL() string { return i.tokenURL }

// JWKSURL returns the address of the key set that discovery names now.
func (i *Issuer) JWKSURL() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.jwksURL
}

// MoveJWKS makes discovery name another address for the key set. The address may have
// another host, and its path must differ from every earlier one's. The old address still
// serves the keys that were published at the time of the call.
func (i *Issuer) MoveJWKS(rawURL string) {
	_ = pathOf(rawURL) // panics here, and not in a later request
	i.mu.Lock()
	defer i.mu.Unlock()
	i.former[pathOf(i.jwksURL)] = i.keys.document()
	i.jwksURL = rawURL
}

// Count returns how many requests the endpoint has received, including those that a
// fault answered.
func (i *Issuer) Count(e Endpoint) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.counts[e]
}

// ServeHTTP serves all endpoints. It ignores the host of the request.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint, handler := i.route(r)
	fault := i.begin(endpoint)
	if i.onRequest != nil {
		i.onRequest(endpoint, r)
	}
	if fault != nil {
		fault(w, r, handler)
		return
	}
	handler.ServeHTTP(w, r)
}

func (i *Issuer) route(r *http.Request) (Endpoint, http.Handler) {
	path := r.URL.EscapedPath()
	switch e := i.paths[path]; e {
	case Discovery, Metadata:
		return e, readOnly(i.serveMetadata)
	case TokenEndpoint:
		return e, http.HandlerFunc(i.serveToken)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if path == pathOf(i.jwksURL) {
		return JWKS, readOnly(i.serveJWKS)
	}
	if document, ok := i.former[path]; ok {
		return JWKS, readOnly(func(w http.ResponseWriter, r *http.Request) {
			serveDocument(w, r, document, time.Time{})
		})
	}
	return "", http.NotFoundHandler()
}

func readOnly(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		h(w, r)
	})
}
