package middleware

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// maxLayers bounds the guards that a request remembers.
const maxLayers = 8

// adds reports whether g must be remembered with the request: it asks for scopes or for an
// authentication. A client that gets a token for exactly what an inner layer names would
// otherwise be refused by the outer one.
func (v *verified) adds(g *Guard) bool {
	return g.asks && (v == nil || v.layers < maxLayers) && !v.has(g)
}

// passing returns v for what is behind g. before is what the layers around g remember, or nil.
func (v *verified) passing(g *Guard, before *verified) *verified {
	if before != nil {
		v.guard, v.outer, v.layers = before.guard, before.outer, before.layers
	}
	if before.adds(g) {
		v.guard, v.outer, v.layers = g, before, v.layers+1
	}
	return v
}

// has reports whether v remembers g.
func (v *verified) has(g *Guard) bool {
	for ; v != nil; v = v.outer {
		if v.guard == g {
			return true
		}
	}
	return false
}

// layersIn returns the memory of the guards around a handler, or nil if ctx has other claims
// than they have seen.
func layersIn(ctx context.Context) *verified {
	v := verifiedIn(ctx)
	if c, ok := claims.FromContext(ctx); !ok || v == nil || v.claims != c {
		return nil
	}
	return v
}

// addOuter adds to e what the guards of v asked for. So one new token suffices for all layers. It
// leaves out g, which refuses the request, and a denial that
// scopes did not decide.
func (e *Error) addOuter(v *verified, g *Guard) {
	if v == nil || e.Status != http.StatusUnauthorized && len(e.Scopes) == 0 {
		return
	}
	e.Scopes = union(v.outerScopes(v.claims, e.Scopes, g), e.Scopes)
	if e.Code == codeInsufficientAuthentication {
		all := v.outerDemands(v.claims, authentication{e.ACRValues, e.MaxAge}, g)
		e.ACRValues, e.MaxAge = slices.Clone(all.acrValues), all.maxAge
	}
}

// outerScopes returns the scopes by which c has met the guards of v, the outermost first.
func (v *verified) outerScopes(c *claims.Claims, asked []string, g *Guard) []string {
	if v == nil || v.guard == nil {
		return nil
	}
	scopes := v.outer.outerScopes(c, asked, g)
	if v.guard == g {
		return scopes
	}
	for i := range v.guard.policies {
		scopes = union(scopes, v.guard.policies[i].metBy(c, asked))
	}
	return scopes
}

// metBy returns the scopes by which c meets the policy. There may be none: another policy in
// an Any met it, and a client need not get the scopes that the policy names. There are also
// none if one of the scopes that are asked for meets it.
func (p *Policy) metBy(c *claims.Claims, asked []string) []string {
	lacks := func(scope string) bool { return !c.HasScope(scope) }
	switch {
	case p.anyOf && slices.ContainsFunc(asked, func(scope string) bool { return slices.Contains(p.accepts, scope) }):
		return nil
	case !slices.ContainsFunc(p.scopes, lacks):
		return p.scopes
	}
	return slices.DeleteFunc(slices.Clone(p.accepts), lacks)
}

// outerDemands returns what meets a and all authentications that the guards of v demand and
// c meets.
func (v *verified) outerDemands(c *claims.Claims, a authentication, g *Guard) authentication {
	for ; v != nil && v.guard != nil; v = v.outer {
		for _, p := range v.guard.policies {
			if v.guard != g && p.authentication != nil && p.authentication.problem(c, time.Now()) == "" {
				a = a.and(*p.authentication)
			}
		}
	}
	return a
}
