package middlewaretest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

const (
	read, write, admin = "read:example", "write:example", "admin:example"

	anonymous = "anonymous" // the answer of a handler without claims
)

// otherMethods are those with which some requests are repeated. The answers of HEAD have no
// body, the requests of POST have one, and frameworks have no function for PURGE.
var otherMethods = []string{http.MethodHead, http.MethodPost, "PURGE"}

// expectations are what differs from route to route: the scopes that a 401 names. They are
// those of the layer that answers.
type expectations struct {
	badToken  string // of the outermost layer
	noToken   string // of the outermost layer that demands a token
	anonymous bool   // no layer demands a token, so the handler runs
}

func asking(scope string) expectations { return expectations{badToken: scope, noToken: scope} }

// routes returns the routes for every transport, with GET.
func (b *bench) routes() []Route {
	allScopes, anyScope := middleware.AllScopes(read, write), middleware.AnyScope(admin, write)
	alice, gold := middleware.PolicyFunc(isAlice), middleware.CustomClaims(isGold)
	unavailable := middleware.PolicyFunc(isUnavailable)
	return []Route{
		b.route(authenticated, asking(""), Layer{}),
		b.route("AllScopes", asking(read+" "+write), requiring(allScopes)),
		b.route("AnyScope", asking(admin), requiring(anyScope)),
		b.route("AnyPolicy", asking(write), requiring(middleware.Any(middleware.AllScopes(write), gold))),
		b.route("PolicyFunc", asking(""), requiring(alice)),
		b.route("SeveralPolicies", asking(read), requiring(middleware.AllScopes(read), alice)),
		b.route("ZeroPolicy", asking(""), requiring(middleware.Policy{})),
		b.route("Unavailable", asking(""), requiring(unavailable)),
		b.route("UnavailableAndScopes", asking(write), requiring(unavailable, middleware.AllScopes(write))),
		b.route("Optional", expectations{anonymous: true}, Layer{Optional: true}),
		b.route("Group", asking(""), Layer{}, requiring(middleware.AllScopes(read))),
		b.route("OptionalGroup", expectations{noToken: read},
			Layer{Optional: true}, requiring(middleware.AllScopes(read))),
		b.route("OptionalInGroup", asking(""), Layer{}, Layer{Optional: true}),
		b.route("DeepGroup", asking(""),
			Layer{}, requiring(middleware.AllScopes(read)), requiring(middleware.AllScopes(write))),
	}
}

// httpRoutes returns the routes with all methods. The last one has a policy that panics,
// which not every transport survives.
func (b *bench) httpRoutes() []Route {
	routes := b.routes()
	for _, method := range otherMethods {
		for _, route := range b.routes() {
			route.Method = method
			routes = append(routes, route)
		}
	}
	panics := middleware.PolicyFunc(func(context.Context, *claims.Claims) error { panic("the policy panics") })
	return append(routes, b.route(panicking, asking(""), requiring(panics)))
}

const (
	authenticated = "Authenticated"
	panicking     = "Panics"
)

// callRoutes returns the routes for transports without paths, as methods of one service.
func (b *bench) callRoutes() []Route {
	routes := b.routes()
	for n := range routes {
		routes[n].Method, routes[n].Path = http.MethodPost, "/middlewaretest.Conformance"+routes[n].Path
	}
	return routes
}

func (b *bench) route(name string, expects expectations, layers ...Layer) Route {
	return Route{Name: name, Method: http.MethodGet, Path: "/" + name, Layers: layers, expects: expects, bench: b}
}

func requiring(policies ...middleware.Policy) Layer { return Layer{Policies: policies} }

func isAlice(_ context.Context, c *claims.Claims) error {
	if c.Subject() != "alice" {
		return errors.New("not alice, and this text is never sent")
	}
	return nil
}

type tier struct {
	Tier string `json:"tier"`
}

func isGold(_ context.Context, t tier) error {
	if t.Tier != "gold" {
		return errors.New("not gold, and this text is never sent")
	}
	return nil
}

func isUnavailable(context.Context, *claims.Claims) error {
	return &claims.UnavailableError{RetryAfter: 30 * time.Second, Err: errors.New("this text is never sent")}
}
