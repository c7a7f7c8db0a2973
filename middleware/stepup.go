package middleware

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// authenticationLeeway is what the clocks of the issuer and of this server may differ by.
const authenticationLeeway = 5 * time.Second

// RequireAuthentication allows tokens whose user was authenticated well enough and not
// too long ago (RFC 9470), by two claims that the issuer has to put into its access
// tokens (RFC 9068 section 2.2.1):
//
//   - acr, a string, is one of acrValues, which stand in order of preference. Without
//     acrValues any acr will do, and none.
//   - auth_time, a NumericDate, is at most maxAge in the past, with a leeway of 5
//     seconds, and not in the future beyond that. With a maxAge of 0 it is not looked
//     at. Whether or not the token was issued since does not matter.
//
// A claim that is missing or of another type does not satisfy a demand, so tokens
// without a user never do. The answer is a 401 insufficient_user_authentication that
// names what the route demands in all: the acr values that every RequireAuthentication
// of it accepts, and the shortest maxAge. It goes before a 403.
//
// It panics without any demand, if maxAge is negative or not whole seconds, or if an acr
// value does not fit the grammar of a scope (RFC 6749 section 3.3), since they stand in a
// list like scopes.
func RequireAuthentication(maxAge time.Duration, acrValues ...string) Policy {
	switch {
	case maxAge < 0 || maxAge%time.Second != 0:
		panic(fmt.Sprintf("middleware: RequireAuthentication: invalid maxAge %v: it is in whole seconds, "+
			"0 for no limit (RFC 9470 section 3)", maxAge))
	case maxAge == 0 && len(acrValues) == 0:
		panic("middleware: RequireAuthentication needs a maxAge or an acr value")
	}
	for _, acr := range acrValues {
		if !isScopeToken(acr) {
			panic(fmt.Sprintf("middleware: RequireAuthentication: invalid acr value %q: it is printable ASCII "+
				"without space, quote and backslash", acr))
		}
	}
	a := &authentication{acrValues: slices.Clone(acrValues), maxAge: maxAge}
	return Policy{authentication: a, allows: func(_ context.Context, c *claims.Claims) error {
		if problem := a.problem(c, time.Now()); problem != "" {
			return &weakness{demand: a, text: problem}
		}
		return nil
	}}
}

// An authentication is what a route demands of it.
type authentication struct {
	acrValues []string      // one of these; none for any
	maxAge    time.Duration // 0 for any
}

// A weakness is an authentication that does not meet a demand. Its text is for logs.
type weakness struct {
	demand *authentication
	text   string
}

func (w *weakness) Error() string { return w.text }

// problem returns what is wrong with the authentication that c tells of, or "".
func (a *authentication) problem(c *claims.Claims, now time.Time) string {
	var got struct {
		ACR      any `json:"acr"` // any: a claim that is not asked for may be of any type
		AuthTime any `json:"auth_time"`
	}
	if err := c.Decode(&got); err != nil {
		return "acr and auth_time cannot be read"
	}
	if acr, ok := got.ACR.(string); len(a.acrValues) > 0 && (!ok || !slices.Contains(a.acrValues, acr)) {
		return "acr is none of those that are demanded"
	}
	if a.maxAge == 0 {
		return ""
	}
	authTime, ok := got.AuthTime.(float64)
	age := float64(now.UnixNano())/1e9 - authTime // as numbers: a Duration ends after 292 years
	switch leeway := authenticationLeeway.Seconds(); {
	case !ok:
		return "auth_time is missing, or is not a number"
	case age > a.maxAge.Seconds()+leeway:
		return "auth_time is too long ago"
	case age < -leeway:
		return "auth_time is in the future"
	}
	return ""
}

// and narrows a down to what b demands as well. Where no acr value would do for both,
// which one alternative of an Any can bring about, a's stay: one step after the other.
func (a authentication) and(b authentication) authentication {
	var both []string
	for _, acr := range a.acrValues {
		if slices.Contains(b.acrValues, acr) {
			both = append(both, acr)
		}
	}
	switch {
	case len(a.acrValues) == 0:
		a.acrValues = b.acrValues
	case len(both) > 0:
		a.acrValues = both
	}
	if a.maxAge == 0 || b.maxAge > 0 && b.maxAge < a.maxAge {
		a.maxAge = b.maxAge
	}
	return a
}

// demand adds what the whole route asks for, so that one more token will do. It starts
// with what was not met: a PolicyFunc may ask for what the route does not declare.
func (e *Error) demand(policies []Policy) {
	weak, ok := errors.AsType[*weakness](e.Err)
	if !ok {
		return
	}
	all := *weak.demand
	for i := range policies {
		if a := policies[i].authentication; a != nil {
			all = all.and(*a)
		}
	}
	e.ACRValues, e.MaxAge = slices.Clone(all.acrValues), all.maxAge
	e.Scopes = neededScopes(policies)
}
