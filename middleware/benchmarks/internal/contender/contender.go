// Package contender has the ways to protect a handler that are measured against each
// other: this library, its peers, and no protection at all. Each is configured as its own
// documentation says and hands the handler the same [Identity].
package contender

import (
	"context"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
)

// An Identity is what an application needs to know of a caller: who it is, and whether its
// scopes hold [ReadScope]. Each contender asks its own claims for that.
type Identity struct {
	Subject string
	CanRead bool
}

// An App is the application behind the protection.
type App func(w http.ResponseWriter, r *http.Request, id Identity)

// A Contender protects an App.
type Contender struct {
	// Name stands in tables.
	Name string
	// Module is the path of the module that does the work; empty for none.
	Module string
	// Setting says in a sentence how it is configured.
	Setting string
	// Protect returns app behind the protection, for tokens of the issuer. It may make
	// requests to the issuer, and start goroutines that end with ctx.
	Protect func(ctx context.Context, issuer *Issuer, app App) (http.Handler, error)
}

// Ours is this library as it comes.
func Ours() Contender {
	return Contender{
		Name: "bearerguard", Module: "github.com/bearerguard/bearerguard",
		Setting: "`middleware.New` with Issuer and Audiences: all defaults, keys by discovery.",
		Protect: protectByDefault,
	}
}

// Peers returns the other libraries in the order of the tables.
func Peers() []Contender {
	return []Contender{golangJWT(), golangJWTWithKeyfunc(), goOIDC(), jwxTwo(), jwxThree(), jwtauthChi(), auth0()}
}

// OnGoodTokens returns all contenders for tokens that are accepted, which ours treats in
// three ways: a token that comes for the first time is verified and remembered, one that
// has come before is recognised, and with the cache off each one is only verified. No peer
// remembers tokens. The first way needs two tokens or more that take turns.
func OnGoodTokens() []Contender {
	return append([]Contender{
		ours("first sight", 1, "The same with room for one token (`claims.Config.CacheEntries: 1`): of two that take turns each pushes the other out."),
		ours("seen before", 0, "The same as it comes, with tokens that it has verified before."),
		ours("cache off", -1, "The same without the verified-token cache (`claims.Config.CacheEntries: -1`)."),
	}, Peers()...)
}

func ours(name string, entries int, setting string) Contender {
	c := Ours()
	c.Name += ", " + name
	c.Setting = setting
	c.Protect = func(_ context.Context, issuer *Issuer, app App) (http.Handler, error) {
		keys, err := fetchedKeys(issuer)
		if err != nil {
			return nil, err
		}
		return protectRemembering(entries, issuer, keys, app)
	}
	return c
}

// OnBadTokens returns all contenders for tokens that are refused. Nobody remembers those.
func OnBadTokens() []Contender { return append([]Contender{Ours()}, Peers()...) }

// Unprotected calls the app with an identity that nobody verified.
func Unprotected() Contender {
	return Contender{
		Name:    "unprotected handler",
		Setting: "Calls the handler with a fixed identity.",
		Protect: func(_ context.Context, issuer *Issuer, app App) (http.Handler, error) {
			id := Identity{Subject: Subject, CanRead: true}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { app(w, r, id) }), nil
		},
	}
}

// Version returns the version of the contender's module in this program.
func (c Contender) Version() string {
	build, ok := debug.ReadBuildInfo()
	if !ok || c.Module == "" {
		return "–"
	}
	for _, module := range build.Deps {
		if module.Path == c.Module && module.Replace == nil {
			return module.Version
		}
	}
	return "this tree"
}

// canRead looks for ReadScope the way that the peers' documentation does.
func canRead(scope string) bool { return slices.Contains(strings.Fields(scope), ReadScope) }

// unauthorized is the answer of the contenders that verify tokens but leave the answer to
// the application.
func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
}
