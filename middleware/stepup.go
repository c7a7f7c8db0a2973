package middleware

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// authenticationLeeway is how much the clocks of the issuer and of this server may differ.
const authenticationLeeway = 5 * time.Second

// RequireAuthentication allows tokens whose user was authenticated well enough, and not too
// long ago (RFC 9470). The issuer must put two claims into its access tokens (RFC 9068
// section 2.2.1):
//
//   - acr, a string, must be one of acrValues, which are in order of preference. It is not
//     checked without acrValues.
//   - auth_time, a NumericDate, must be at most maxAge ago. It may be up to 5 seconds older,
//     or in the future by as much. It is not checked if maxAge is 0. The age of the token
//     does not matter.
//
// A claim that is missing or of another type does not satisfy a demand, so a token without
// a user never does. The answer is a 401 insufficient_user_authentication, which precedes a
// 403. It names all that the route demands: the acr values that every RequireAuthentication
// of the route accepts, and the shortest maxAge.
//
// RequireAuthentication panics without any demand, and if maxAge is negative or not in whole
// seconds. It also panics if an acr value does not fit the grammar of a scope (RFC 6749 section
// 3.3), because a challenge lists them like scopes.
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

// An authentication is what a route demands of the user's authentication.
type authentication struct {
	acrValues []string      // one of these; none for any
	maxAge    time.Duration // 0 for any
}

// A weakness is the error for an authentication that does not meet a demand. Its text is
// for logs.
type weakness struct {
	demand *authentication
	text   string
}

func (w *weakness) Error() string { return w.text }

// problem returns what is wrong with the authentication in c, or "".
func (a *authentication) problem(c *claims.Claims, now time.Time) string {
	var got struct {
		ACR      any `json:"acr"` // of any type, because it may not be demanded
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
	age := float64(now.UnixNano())/1e9 - authTime // no Duration, which ends after 292 years
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

// and returns what meets both a and b. If no acr value meets both, which an Any can cause,
// the values of a stay: the next challenge then asks for those of b.
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

// demand adds what the whole route asks for, so that one new token suffices. It starts with
// the demand that was not met, because a PolicyFunc may ask for one that the route does not
// declare.
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
