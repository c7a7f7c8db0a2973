package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

const (
	audience     = "https://timesheets.example.com" // the API's identifier, not its address
	clientID     = "uploader"
	clientSecret = "correct-horse"
)

// A world is an issuer and an API, each with its own server on loopback.
type world struct {
	issuer  *jwkstest.Issuer
	apiURL  string
	client  *http.Client
	servers []*http.Server
}

func newWorld() (*world, error) {
	w := &world{client: &http.Client{Timeout: 10 * time.Second}}
	if err := w.start(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) start() error {
	// The listener comes first, because the issuer's URL contains its address.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.issuer = jwkstest.NewIssuer(jwkstest.Config{
		URL: "http://" + listener.Addr().String() + "/",
		Clients: []jwkstest.Client{{
			ID: clientID, Secret: clientSecret,
			Grants: map[string][]string{audience: {"read:timesheets"}},
		}},
	})
	w.serve(listener, w.issuer)

	if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	w.apiURL = "http://" + listener.Addr().String()
	api, err := newAPI(w.issuer.URL(), w.apiURL)
	if err != nil {
		return err
	}
	w.serve(listener, api)
	return nil
}

// newAPI is the code that a resource server needs.
func newAPI(issuer, origin string) (http.Handler, error) {
	auth, err := middleware.New(middleware.Config{
		Issuer:    issuer,
		Audiences: []string{audience},
		Realm:     "timesheets",
		DPoP:      &dpop.Config{Origins: []string{origin}}, // tokens that are bound to a key
		Logger:    slog.New(slog.DiscardHandler),           // the program prints each answer itself
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /timesheets", auth.RequireScopes("read:timesheets")(http.HandlerFunc(list)))
	mux.Handle("POST /timesheets", auth.RequireScopes("write:timesheets")(http.HandlerFunc(list)))
	return mux, nil
}

// list answers with the caller's claims.
func list(w http.ResponseWriter, r *http.Request) {
	c, _ := claims.FromContext(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"sub": c.Subject(), "client": c.ClientID(), "scopes": c.Scopes(), "timesheets": []string{},
	})
}

func (w *world) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	w.servers = append(w.servers, server)
	go func() { // ends with close
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("cannot serve", "error", err)
		}
	}()
}

func (w *world) close() {
	w.client.CloseIdleConnections()
	for _, server := range w.servers {
		_ = server.Close()
	}
}

// token returns a token like those of the issuer's token endpoint, with some claims
// changed.
func (w *world) token(changes map[string]any, options ...jwkstest.Option) string {
	payload := map[string]any{
		"sub": clientID + "@clients", "client_id": clientID, "aud": audience, "scope": "read:timesheets",
	}
	maps.Copy(payload, changes)
	return w.issuer.Token(payload, options...)
}

func (w *world) expiredToken() string {
	return w.token(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
}
