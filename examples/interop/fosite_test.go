//go:build unix

package interop_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/storage"
	"github.com/ory/fosite/token/jwt"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// fositeServer returns an authorization server that is built on ory/fosite. The library
// provides the token endpoint; the metadata and the key set are written here. The issuer
// has a path and ends with a slash, and only the metadata of RFC 8414 name the key set.
func fositeServer(t *testing.T) server {
	s := &fositeHTTP{log: new(lockedBuffer)}
	t.Cleanup(s.kill)
	return s
}

type fositeHTTP struct {
	http    *httptest.Server
	log     *lockedBuffer
	handler atomic.Pointer[http.ServeMux]
	hung    atomic.Bool
}

func (s *fositeHTTP) apply(t *testing.T, settings settings) string {
	t.Helper()
	if s.http == nil {
		s.start(t, settings)
	}
	a := newFosite(t, s.http.URL+"/tenant/", settings)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server/tenant", a.metadata)
	mux.HandleFunc("GET /tenant/keys", a.keys)
	mux.HandleFunc("POST /tenant/token", a.token)
	mux.HandleFunc("POST /tenant/introspect", a.introspect)
	mux.HandleFunc("POST /tenant/revoke", a.revoke)
	s.handler.Store(mux)
	return a.issuer
}

func (s *fositeHTTP) start(t *testing.T, settings settings) {
	t.Helper()
	s.http = httptest.NewUnstartedServer(s)
	require.NoError(t, s.http.Listener.Close())
	s.http.Listener = listen(t, settings.Port)
	s.http.Config.ErrorLog = log.New(s.log, "", 0)
	if settings.TLS {
		s.http.EnableHTTP2 = true
		s.http.StartTLS()
		return
	}
	s.http.Start()
}

func listen(t *testing.T, port int) (listener net.Listener) {
	t.Helper()
	eventually(t, func() bool { // another process may use the port for a moment
		var err error
		listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if !errors.Is(err, syscall.EADDRINUSE) {
			require.NoError(t, err)
		}
		return err == nil
	}, "the port stays in use")
	return listener
}

func (s *fositeHTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.hung.Load() {
		<-r.Context().Done()
		return
	}
	recorder := &statusRecorder{w, http.StatusOK}
	s.handler.Load().ServeHTTP(recorder, r)
	fmt.Fprintf(s.log, "%s %s %d\n", r.Method, r.URL.Path, recorder.status)
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (s *fositeHTTP) hang()   { s.hung.Store(true) }
func (s *fositeHTTP) resume() { s.hung.Store(false) }

func (s *fositeHTTP) accessLog() string { return s.log.String() }

// kill can be called twice. Close waits for current requests, which end because their
// connections are closed before.
func (s *fositeHTTP) kill() {
	if s.http != nil {
		s.http.CloseClientConnections()
		s.http.Close()
	}
}

// A fositeServed is one configuration of the server. It is immutable.
type fositeServed struct {
	settings
	issuer string
	oauth2 fosite.OAuth2Provider
}

func newFosite(t *testing.T, issuer string, settings settings) *fositeServed {
	t.Helper()
	config := &fosite.Config{
		AccessTokenIssuer:        issuer,
		AccessTokenLifespan:      time.Duration(settings.Lifetime) * time.Second,
		AudienceMatchingStrategy: fosite.ExactAudienceMatchingStrategy,
		GlobalSecret:             []byte("opaque tokens are not asked for.."),
		ScopeStrategy:            fosite.ExactScopeStrategy,
	}
	// Set here because the first request sets the default, which is a data race.
	config.ClientSecretsHasher = &fosite.BCrypt{Config: config}
	if settings.RFC9068 {
		config.JWTScopeClaimKey = jwt.JWTScopeFieldString
	}
	secret, err := bcrypt.GenerateFromPassword([]byte(settings.Secret), bcrypt.MinCost)
	require.NoError(t, err)
	store := storage.NewMemoryStore()
	store.Clients[settings.Client] = &fosite.DefaultClient{
		ID: settings.Client, Secret: secret, GrantTypes: fosite.Arguments{"client_credentials"},
		Scopes: fosite.Arguments{read, write}, Audience: fosite.Arguments{audience, otherAudience},
	}
	if settings.API != nil {
		secret, err := bcrypt.GenerateFromPassword([]byte(settings.API.Secret), bcrypt.MinCost)
		require.NoError(t, err)
		store.Clients[settings.API.ID] = &fosite.DefaultClient{ID: settings.API.ID, Secret: secret}
	}
	signingKey := func(context.Context) (any, error) { return &settings.Keys[0], nil }
	strategy := compose.NewOAuth2JWTStrategy(signingKey, compose.NewOAuth2HMACStrategy(config), config)
	return &fositeServed{settings, issuer, compose.Compose(
		config, store, &compose.CommonStrategy{CoreStrategy: strategy}, compose.OAuth2ClientCredentialsGrantFactory,
		compose.OAuth2TokenIntrospectionFactory, compose.OAuth2TokenRevocationFactory,
	)}
}

func (a *fositeServed) metadata(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, map[string]any{
		"issuer": a.issuer, "token_endpoint": a.issuer + "token", "jwks_uri": a.issuer + "keys",
		"grant_types_supported": []string{"client_credentials"}, "response_types_supported": []string{},
	})
}

func (a *fositeServed) keys(w http.ResponseWriter, _ *http.Request) {
	var set jose.JSONWebKeySet
	for _, key := range a.Keys {
		set.Keys = append(set.Keys, key.Public())
	}
	sendJSON(w, set)
}

func (a *fositeServed) token(w http.ResponseWriter, r *http.Request) {
	request, err := a.oauth2.NewAccessRequest(r.Context(), r, a.session())
	if err != nil {
		a.oauth2.WriteAccessError(r.Context(), w, request, err)
		return
	}
	for _, scope := range request.GetRequestedScopes() {
		request.GrantScope(scope)
	}
	for _, audience := range request.GetRequestedAudience() {
		request.GrantAudience(audience)
	}
	response, err := a.oauth2.NewAccessResponse(r.Context(), request)
	if err != nil {
		a.oauth2.WriteAccessError(r.Context(), w, request, err)
		return
	}
	a.oauth2.WriteAccessResponse(r.Context(), w, request, response)
}

func (a *fositeServed) introspect(w http.ResponseWriter, r *http.Request) {
	response, err := a.oauth2.NewIntrospectionRequest(r.Context(), r, new(oauth2.JWTSession))
	if err != nil {
		a.oauth2.WriteIntrospectionError(r.Context(), w, err)
		return
	}
	a.oauth2.WriteIntrospectionResponse(r.Context(), w, response)
}

func (a *fositeServed) revoke(w http.ResponseWriter, r *http.Request) {
	a.oauth2.WriteRevocationResponse(r.Context(), w, a.oauth2.NewRevocationRequest(r.Context(), r))
}

// session returns the claims and headers that an integrator sets.
func (a *fositeServed) session() *oauth2.JWTSession {
	s := &oauth2.JWTSession{JWTClaims: &jwt.JWTClaims{Subject: a.Client}, JWTHeader: &jwt.Headers{}}
	if !a.NewJTIs {
		s.JWTClaims.JTI = rand.Text()
	}
	if a.RFC9068 {
		s.JWTHeader.Add("typ", "at+jwt")
		s.JWTClaims.Add("client_id", a.Client)
	}
	return s
}

func sendJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // fails only if the caller has gone
}

// openIDConfiguration returns the address of an issuer's metadata by OpenID Connect
// Discovery 1.0 section 4.
func openIDConfiguration(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// authorizationServerMetadata returns the address of an issuer's metadata by RFC 8414
// section 3.1.
func authorizationServerMetadata(issuer string) string {
	scheme, rest, _ := strings.Cut(issuer, "://")
	host, path, _ := strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	return scheme + "://" + host + "/.well-known/oauth-authorization-server/" + path
}
