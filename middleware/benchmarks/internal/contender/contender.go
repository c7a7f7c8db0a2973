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
	return []Contender{golangJWT(), goOIDC(), jwxTwo(), jwxThree(), jwtauthChi(), auth0()}
}

// OnGoodTokens returns all contenders for tokens that are accepted, which ours treats in
// two ways: for a token that it sees for the first time, and for one that it has verified
// before. No peer remembers tokens.
func OnGoodTokens() []Contender {
	first, again := Ours(), Ours()
	first.Name, first.Protect = "bearerguard, first sight", protectWithoutMemory
	first.Setting = "The same with the verified-token cache off (`claims.Config.CacheEntries: -1`)."
	again.Name = "bearerguard, seen before"
	return append([]Contender{first, again}, Peers()...)
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
