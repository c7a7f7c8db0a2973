package middleware

import (
	"context"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
)

// A ClaimReader makes policies for the values of one claim: see [Claim].
type ClaimReader struct{ path []string }

const errLacksValue = detail("a claim lacks a value")

// Claim names a claim with permissions, roles or groups, which [claims.Claims.Strings]
// reads. path is the name of a member of the payload, and then of each object within. A "*" at
// its end means the names of an object's members. Claim panics without a name, or if one is
// empty.
//
//	Auth0     Claim("permissions").All("read:timesheets")
//	Entra ID  Claim("roles").Any("Timesheets.Read.All")
//	Keycloak  Claim("realm_access", "roles").Any("auditor")
//	          Claim("resource_access", "timesheets", "roles").All("editor")
//	Okta      Claim("groups").Any("Payroll")
//	Cognito   Claim("cognito:groups").Any("payroll")
//	Zitadel   Claim("urn:zitadel:iam:org:project:roles", "*").Any("editor")
//
// The issuer decides what a value means and who gets it. With several issuers, the same
// value may mean different things: see [FromIssuer].
func Claim(path ...string) ClaimReader {
	if len(path) == 0 || slices.Contains(path, "") {
		panic("middleware: Claim needs the name of a claim, and none may be empty")
	}
	return ClaimReader{path: slices.Clone(path)}
}

// All allows tokens whose claim has every one of the values, compared exactly and with
// case. The elements of an array are values; a string is one value and is never split. A
// claim that is missing, or of another type, denies.
//
// The 403 names no scopes, because scopes did not decide. All panics without a value, or if
// one is empty.
func (r ClaimReader) All(values ...string) Policy {
	values = r.mustValues("All", values)
	return Policy{allows: func(_ context.Context, c *claims.Claims) error {
		for _, value := range values {
			if !c.HasString(value, r.path...) {
				return errLacksValue
			}
		}
		return nil
	}}
}

// Any allows tokens whose claim has at least one of the values. In all else it is like
// [ClaimReader.All].
func (r ClaimReader) Any(values ...string) Policy {
	values = r.mustValues("Any", values)
	return Policy{allows: func(_ context.Context, c *claims.Claims) error {
		for _, value := range values {
			if c.HasString(value, r.path...) {
				return nil
			}
		}
		return errLacksValue
	}}
}

// mustValues returns a copy of values. It panics if the list or a value is empty: a missing
// configuration value becomes one of these.
func (r ClaimReader) mustValues(caller string, values []string) []string {
	switch {
	case len(r.path) == 0:
		panic("middleware: a ClaimReader is made by Claim")
	case len(values) == 0 || slices.Contains(values, ""):
		panic("middleware: Claim: " + caller + " needs at least one value, and none may be empty")
	}
	return slices.Clone(values)
}
