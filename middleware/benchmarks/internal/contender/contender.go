// Package contender contains the ways to protect a handler that are compared: this
// library, other libraries, and no protection. Each is configured as its documentation
// shows, and passes the same [Identity] to the handler.
package contender

import (
	"context"
	"io"
	"net/http"
	"runtime/debug"
)

// An Identity is what the application learns about the caller: the subject, and whether
// the scopes include [ReadScope].
type Identity struct {
	Subject string
	CanRead bool
}

// An App is the application behind the protection.
type App func(w http.ResponseWriter, r *http.Request, id Identity)

// Timesheets is the App that is measured. It answers 200 to the [Subject] with
// [ReadScope], and 403 to other identities.
func Timesheets(w http.ResponseWriter, _ *http.Request, id Identity) {
	if id.Subject != Subject || !id.CanRead {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	_, _ = io.WriteString(w, "[]\n")
}

// A Contender protects an App.
type Contender struct {
	// Name is the name in tables. A slash would split the name of a benchmark.
	Name string
	// Module is the path of the module that is measured, or empty.
	Module string
	// Setting is the configuration in one sentence.
	Setting string
	// Protect returns app behind the protection, for tokens of the issuer. It may send
	// requests to the issuer, and start goroutines that end with ctx.
	Protect func(ctx context.Context, issuer *Issuer, app App) (http.Handler, error)
}

// Ours returns this library with its defaults.
func Ours() Contender {
	return Contender{
		Name: "bearerguard", Module: "github.com/bearerguard/bearerguard",
		Setting: "`middleware.New` with Issuer and Audiences: all defaults, keys by discovery.",
		Protect: protectByDefault,
	}
}

// OnGoodTokens returns the contenders for accepted tokens. This library has a row for
// each state of its token cache; the other libraries cache no tokens. The row of a token
// that is not yet cached needs at least two tokens in turn.
func OnGoodTokens() []Contender {
	return append([]Contender{
		ours("token not yet cached", 1,
			"Room for one token (`claims.Config.CacheEntries: 1`): two tokens in turn evict each other."),
		ours("token cached", 0, "The default cache, and tokens that were verified before."),
		ours("cache off", -1, "No token cache (`claims.Config.CacheEntries: -1`)."),
	}, Peers()...)
}

func ours(state string, entries int, setting string) Contender {
	c := Ours()
	c.Name += ", " + state
	c.Setting = setting
	c.Protect = func(_ context.Context, issuer *Issuer, app App) (http.Handler, error) {
		keys, err := fetchedKeys(issuer)
		if err != nil {
			return nil, err
		}
		return protectCaching(entries, issuer, keys, app)
	}
	return c
}

// OnBadTokens returns the contenders for refused tokens, which no contender caches.
func OnBadTokens() []Contender { return append([]Contender{Ours()}, Peers()...) }

// Unprotected returns the contender that verifies nothing.
func Unprotected() Contender {
	return Contender{
		Name:    "unprotected handler",
		Setting: "Calls the handler with a fixed identity.",
		Protect: func(_ context.Context, _ *Issuer, app App) (http.Handler, error) {
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
