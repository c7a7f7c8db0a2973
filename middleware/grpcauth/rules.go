package grpcauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// Rules say what each method needs, by its full name: "/package.Service/Method". A method
// that is not among them is denied.
type Rules map[string]Rule

// A Rule is what a method needs. It is made by [Require], [Authenticated], [Optional] and
// [Public]; the zero Rule denies.
type Rule struct {
	policies []middleware.Policy // as a Guard has them
	kind     kind
}

type kind int

const (
	denied kind = iota
	required
	optional
	public
)

// Require demands a valid token and the consent of every policy. It panics without
// policies, because an empty list from a configuration would let everybody in.
func Require(policies ...middleware.Policy) Rule {
	if len(policies) == 0 {
		panic("grpcauth: Require needs at least one policy; Authenticated demands a token only")
	}
	return Rule{kind: required, policies: policies}
}

// Authenticated demands a valid token, whatever its scopes.
func Authenticated() Rule { return Rule{kind: required} }

// Optional lets calls without a bearer token through as well, and their handler finds no
// claims. A token that is not acceptable is refused all the same.
func Optional() Rule { return Rule{kind: optional} }

// Public lets everybody in and looks at nothing: for health checks and reflection.
func Public() Rule { return Rule{kind: public} }

// gates are rules, ready to be asked.
type gates struct {
	auth    *middleware.Middleware
	methods map[string]gate
	others  gate
}

type gate struct {
	guard *middleware.Guard // nil for public
	kind  kind
}

func newGates(auth *middleware.Middleware, rules Rules) *gates {
	g := &gates{auth: auth, methods: make(map[string]gate, len(rules)), others: newGate(auth, Rule{})}
	for method, rule := range rules {
		service, name, found := strings.Cut(strings.TrimPrefix(method, "/"), "/")
		if !strings.HasPrefix(method, "/") || !found || service == "" || name == "" || strings.Contains(name, "/") {
			panic(fmt.Sprintf(`grpcauth: invalid method %q: the form is "/package.Service/Method"`, method))
		}
		g.methods[method] = newGate(auth, rule)
	}
	return g
}

func newGate(auth *middleware.Middleware, rule Rule) gate {
	switch rule.kind {
	case required, optional:
		return gate{kind: rule.kind, guard: auth.Guard(rule.policies...)}
	case public:
		return gate{kind: public}
	}
	return gate{kind: denied, guard: auth.Guard(middleware.Policy{})} // which denies
}

// admit returns the context for the handler, or a refusal.
func (g *gates) admit(ctx context.Context, method string) (context.Context, *refusal) {
	gate, found := g.methods[method]
	if !found {
		gate = g.others
	}
	if gate.kind == public {
		return ctx, nil
	}
	allowed, err := gate.guard.Authenticate(ctx, metadata.ValueFromIncomingContext(ctx, "authorization"))
	switch {
	case err == nil:
		return allowed, nil
	case gate.kind == optional && withoutToken(err):
		return claims.NewContext(ctx, nil), nil
	}
	return nil, newRefusal(g.auth, err)
}

// withoutToken reports whether err answers a call without a bearer token: the only 401
// that has no code (RFC 6750 section 3.1).
func withoutToken(err error) bool {
	var e *middleware.Error
	return errors.As(err, &e) && e.Status == http.StatusUnauthorized && e.Code == ""
}
