package claims_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

func TestOneOfRequiredAnyHasContent(t *testing.T) {
	issuer := goodIssuer()
	issuer.RequiredAny = []string{"scp", "roles"}
	one := func(changes members) string {
		changes["scope"] = ""
		return token(changes)
	}
	runVerify(t, []claims.Issuer{issuer}, []verifyCase{
		{"the first", one(members{"scp": `"read:x"`}), ""},
		{"the second", one(members{"roles": `["admin"]`}), ""},
		{"the second beside an empty first", one(members{"scp": `""`, "roles": `["admin"]`}), ""},
		{"neither", one(members{}), claims.ErrMissingClaim},
		{"only another claim", token(nil), claims.ErrMissingClaim},
		{"null", one(members{"roles": `null`}), claims.ErrMissingClaim},
		{"empty string", one(members{"scp": `""`}), claims.ErrMissingClaim},
		{"empty array", one(members{"roles": `[]`}), claims.ErrMissingClaim},
		{"empty array with a space", one(members{"roles": `[ ]`}), claims.ErrMissingClaim},
		{"an object", one(members{"roles": `{"admin":{}}`}), ""},
		{"empty object", one(members{"roles": `{}`}), claims.ErrMissingClaim},
		{"empty object with a space", one(members{"roles": `{ }`}), claims.ErrMissingClaim},
	})
	_, err := newVerifier(t, issuer).Verify(t.Context(), token(nil))
	require.ErrorContains(t, err, "scp or roles")
}

func TestClaimOneOfIsAStringOfTheList(t *testing.T) {
	issuer := goodIssuer()
	issuer.ClaimOneOf = map[string][]string{"kind": {"Bearer", "DPoP"}}
	runVerify(t, []claims.Issuer{issuer}, []verifyCase{
		{"the first", token(members{"kind": `"Bearer"`}), ""},
		{"the second", token(members{"kind": `"DPoP"`}), ""},
		{"absent", token(nil), claims.ErrMissingClaim},
		{"null", token(members{"kind": `null`}), claims.ErrMissingClaim},
		{"another value", token(members{"kind": `"ID"`}), claims.ErrMissingClaim},
		{"in another case", token(members{"kind": `"bearer"`}), claims.ErrMissingClaim},
		{"empty", token(members{"kind": `""`}), claims.ErrMissingClaim},
		{"array of the value", token(members{"kind": `["Bearer"]`}), claims.ErrMissingClaim},
	})
}
