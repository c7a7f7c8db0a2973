package connectauth

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/bearerguard/bearerguard/middleware"
)

// Rules say what each procedure needs, by its full name: "/package.Service/Method". A
// procedure without a rule is denied.
type Rules map[string]Rule

// A Rule is what a procedure needs. [Require], [Authenticated], [Optional] and [Public]
// make one; the zero Rule denies.
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
		panic("connectauth: Require needs at least one policy; Authenticated demands a token only")
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
	auth       *middleware.Middleware
	tokenField string // Authorization, or Config.TokenField
	procedures map[string]gate
	others     gate
}

type gate struct {
	guard *middleware.Guard // nil for public
	kind  kind
}

func newGates(auth *middleware.Middleware, rules Rules) *gates {
	g := &gates{auth: auth, procedures: make(map[string]gate, len(rules)), others: newGate(auth, Rule{})}
	for procedure, rule := range rules {
		service, name, found := strings.Cut(strings.TrimPrefix(procedure, "/"), "/")
		if !strings.HasPrefix(procedure, "/") || !found || service == "" || name == "" || strings.Contains(name, "/") {
			panic(fmt.Sprintf(`connectauth: invalid procedure %q: the form is "/package.Service/Method"`, procedure))
		}
		g.procedures[procedure] = newGate(auth, rule)
	}
	g.tokenField = auth.Answer(nil).TokenField
	return g
}

func newGate(auth *middleware.Middleware, rule Rule) gate {
	switch rule.kind {
	case required:
		return gate{kind: required, guard: auth.Guard(rule.policies...)}
	case authenticated:
		return gate{kind: authenticated, guard: auth.GuardAuthenticated()}
	case optional:
		return gate{kind: optional, guard: auth.GuardOptional()}
	case public:
		return gate{kind: public}
	}
	return gate{kind: denied, guard: auth.Guard(middleware.Policy{})} // the zero Policy denies
}

// rule returns what the procedure needs.
func (g *gates) rule(procedure string) gate {
	if found, ok := g.procedures[procedure]; ok {
		return found
	}
	return g.others
}

// admit returns the context for the handler, or a refusal. Connect calls it before it reads
// the message.
func (g *gates) admit(ctx context.Context, spec connect.Spec, peer connect.Peer, header http.Header) (context.Context, error) {
	gate := g.rule(spec.Procedure)
	if gate.kind == public {
		return ctx, nil
	}
	allowed, err := gate.guard.Authenticate(ctx, middleware.Request{
		Authorization: header["Authorization"], Transport: "connect",
		DPoP: header["Dpop"], Method: methodOf(spec, peer), Target: spec.Procedure,
		PeerCertificates: certificatesIn(ctx), RemoteAddr: peer.Addr, Fields: header.Values,
	})
	if err != nil {
		return nil, newRefusal(g.auth, err)
	}
	return allowed, nil
}

// methodOf returns the HTTP method of a call, for its DPoP proof (RFC 9449 section 4.2). Connect
// tells no gate the method. Only a procedure without side effects can be called with GET, and
// then its message is in the query.
func methodOf(spec connect.Spec, peer connect.Peer) string {
	if spec.IdempotencyLevel == connect.IdempotencyNoSideEffects && peer.Query.Has("message") {
		return http.MethodGet
	}
	return http.MethodPost
}
