package grpcauth

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/bearerguard/bearerguard/middleware"
)

// Rules say what each method needs, by its full name: "/package.Service/Method". A method
// without a rule is denied.
type Rules map[string]Rule

// A Rule is what a method needs. [Require], [Authenticated], [Optional] and [Public] make
// one; the zero Rule denies.
type Rule struct {
	policies []middleware.Policy // as a Guard has them
	kind     kind
}

type kind int

const (
	denied kind = iota
	required
	authenticated
	optional
	public
)

// Require demands a valid token and the consent of every policy. It panics without
// policies, because an empty list from a configuration would allow every token.
func Require(policies ...middleware.Policy) Rule {
	if len(policies) == 0 {
		panic("grpcauth: Require needs at least one policy; Authenticated demands a token only")
	}
	return Rule{kind: required, policies: policies}
}

// Authenticated demands a valid token, whatever its scopes.
func Authenticated() Rule { return Rule{kind: authenticated} }

// Optional also lets calls without a bearer token through. Their handler finds no claims. A
// token that is not valid is refused.
func Optional() Rule { return Rule{kind: optional} }

// Public lets every call through without a check: for health checks and reflection.
func Public() Rule { return Rule{kind: public} }

// gates are rules, ready for calls.
type gates struct {
	auth    *middleware.Middleware
	methods map[string]*middleware.Guard // nil for a public method
	others  *middleware.Guard
}

func newGates(auth *middleware.Middleware, rules Rules) *gates {
	if field := auth.Answer(nil).TokenField; strings.HasSuffix(strings.ToLower(field), "-bin") {
		panic(fmt.Sprintf("grpcauth: invalid Config.TokenField %q: gRPC decodes the base64 of fields with such a name", field))
	}
	g := &gates{auth: auth, methods: make(map[string]*middleware.Guard, len(rules)), others: newGuard(auth, Rule{})}
	for method, rule := range rules {
		service, name, found := strings.Cut(strings.TrimPrefix(method, "/"), "/")
		if !strings.HasPrefix(method, "/") || !found || service == "" || name == "" || strings.Contains(name, "/") {
			panic(fmt.Sprintf(`grpcauth: invalid method %q: the form is "/package.Service/Method"`, method))
		}
		g.methods[method] = newGuard(auth, rule)
	}
	return g
}

// newGuard returns what a rule demands, or nil for a public method.
func newGuard(auth *middleware.Middleware, rule Rule) *middleware.Guard {
	switch rule.kind {
	case required:
		return auth.Guard(rule.policies...)
	case authenticated:
		return auth.GuardAuthenticated()
	case optional:
		return auth.GuardOptional()
	case public:
		return nil
	}
	return auth.Guard(middleware.Policy{}) // the zero Policy denies
}

// admit returns the context for the handler, or a refusal.
func (g *gates) admit(ctx context.Context, method string) (context.Context, *refusal) {
	guard, found := g.methods[method]
	if !found {
		guard = g.others
	}
	if guard == nil {
		return ctx, nil
	}
	allowed, err := guard.Authenticate(ctx, requestOf(ctx, method))
	if err != nil {
		return nil, newRefusal(g.auth, err)
	}
	return allowed, nil
}

// requestOf returns what a Guard needs to know of a call.
func requestOf(ctx context.Context, method string) middleware.Request {
	request := middleware.Request{
		Authorization: metadata.ValueFromIncomingContext(ctx, "authorization"), Transport: "grpc",
		DPoP: metadata.ValueFromIncomingContext(ctx, "dpop"), Method: "POST", Target: method,
		Fields: func(name string) []string { return metadata.ValueFromIncomingContext(ctx, name) },
	}
	from, ok := peer.FromContext(ctx)
	if !ok {
		return request
	}
	if from.Addr != nil {
		request.RemoteAddr = from.Addr.String()
	}
	if secured, ok := from.AuthInfo.(credentials.TLSInfo); ok {
		request.PeerCertificates = secured.State.PeerCertificates
	}
	return request
}
