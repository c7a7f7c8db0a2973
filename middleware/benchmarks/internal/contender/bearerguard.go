package contender

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
)

func protectByDefault(_ context.Context, issuer *Issuer, app App) (http.Handler, error) {
	return guarded(app, middleware.Config{Issuer: issuer.URL, Audiences: []string{Audience}})
}

// protectCaching protects app with a token cache of this many entries, or the default if 0.
func protectCaching(entries int, issuer *Issuer, keys claims.KeySet, app App) (http.Handler, error) {
	verifier, err := claims.NewVerifier(claims.Config{
		Issuers:      []claims.Issuer{{URL: issuer.URL, Audiences: []string{Audience}, Keys: keys}},
		CacheEntries: entries,
	})
	if err != nil {
		return nil, err
	}
	return guarded(app, middleware.Config{Verifier: verifier})
}

func fetchedKeys(issuer *Issuer) (claims.KeySet, error) {
	return jwks.New(jwks.Config{Issuer: issuer.URL, Logger: silent()})
}

func guarded(app App, config middleware.Config) (http.Handler, error) {
	config.Logger = silent()
	auth, err := middleware.New(config)
	if err != nil {
		return nil, err
	}
	return auth.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		app(w, r, Identity{Subject: c.Subject(), CanRead: c.HasScope(ReadScope)})
	})), nil
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }
