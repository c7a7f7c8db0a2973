package middleware

import (
	"context"
	"errors"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
)

// A ClaimReader makes policies of one claim's values: see [Claim].
type ClaimReader struct{ path []string }

var errLacksValue = errors.New("a claim lacks a value")

// Claim names a claim that holds permissions, roles, groups or the like, as
// [claims.Claims.Strings] reads it: path is the name of a member of the payload, and then
// of each object within. It panics if there is none, or if one is empty.
//
//	Auth0     Claim("permissions").All("read:timesheets")
//	Entra ID  Claim("roles").Any("Timesheets.Read.All")
//	Keycloak  Claim("realm_access", "roles").Any("auditor")
//	          Claim("resource_access", "timesheets", "roles").All("editor")
//	Okta      Claim("groups").Any("Payroll")
//	Cognito   Claim("cognito:groups").Any("payroll")
//
// What such a value means, and who may hand it out, the issuer decides. With several
// issuers the same name may mean different things.
func Claim(path ...string) ClaimReader {
	if len(path) == 0 || slices.Contains(path, "") {
		panic("middleware: Claim needs the name of a claim, and none may be empty")
	}
	return ClaimReader{path: slices.Clone(path)}
}

// All allows tokens whose claim has every one of the values, compared exactly and with
// case. An array holds its elements; a string is one value and is never split. A claim
// that is missing, or of any other type, denies.
//
// A 403 names no scopes, as scopes did not decide. All panics if there is no value, or
// if one is empty.
func (r ClaimReader) All(values ...string) Policy {
	values = r.mustValues("All", values)
	return Policy{allows: func(_ context.Context, c *claims.Claims) error {
		got := c.Strings(r.path...)
		for _, value := range values {
			if !slices.Contains(got, value) {
				return errLacksValue
			}
		}
		return nil
	}}
}

// Any allows tokens whose claim has at least one of the values. Everything else is as
// with [ClaimReader.All].
func (r ClaimReader) Any(values ...string) Policy {
	values = r.mustValues("Any", values)
	return Policy{allows: func(_ context.Context, c *claims.Claims) error {
		for _, value := range c.Strings(r.path...) {
			if slices.Contains(values, value) {
				return nil
			}
		}
		return errLacksValue
	}}
}

// mustValues returns a copy of values. An empty list, or an empty value, is what a
// configuration value that is missing turns into.
func (r ClaimReader) mustValues(caller string, values []string) []string {
	switch {
	case len(r.path) == 0:
		panic("middleware: a ClaimReader is made by Claim")
	case len(values) == 0 || slices.Contains(values, ""):
		panic("middleware: Claim: " + caller + " needs at least one value, and none may be empty")
	}
	return slices.Clone(values)
}
