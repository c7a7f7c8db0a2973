package claims_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// A proof confirms one member, or fails with err.
type proof struct {
	member string
	err    error
	seen   *[]string
}

func (p proof) Member() string { return p.member }

func (p proof) Confirm(_ context.Context, token string, value []byte) error {
	if p.seen != nil {
		*p.seen = append(*p.seen, token, string(value))
	}
	return p.err
}

func TestBoundTokenRequiresItsProof(t *testing.T) {
	down := errors.New("down: " + claims.ErrUnavailable.Error())
	jkt, mtls := proof{member: "jkt"}, proof{member: "x5t#S256"}
	for _, tc := range []struct {
		rule, cnf string
		proofs    []claims.Proof
		want      claims.Reason
	}{
		{"not bound", "", nil, ""},
		{"not bound, with a proof", "", []claims.Proof{jkt}, ""},
		{"a bound token is not a bearer token (RFC 9449 section 7.2)", `{"jkt":"k"}`, nil, claims.ErrConfirmation},
		{"its proof", `{"jkt":"k"}`, []claims.Proof{jkt}, ""},
		{"its proof among others", `{"jkt":"k"}`, []claims.Proof{nil, mtls, jkt}, ""},
		{"another proof", `{"jkt":"k"}`, []claims.Proof{mtls}, claims.ErrConfirmation},
		{"a proof that fails", `{"jkt":"k"}`, []claims.Proof{proof{member: "jkt", err: errors.New("x")}}, claims.ErrConfirmation},
		{"a proof that cannot be checked", `{"jkt":"k"}`, []claims.Proof{proof{member: "jkt", err: context.DeadlineExceeded}}, claims.ErrUnavailable},
		{"an error with the text of ErrUnavailable is not an outage", `{"jkt":"k"}`, []claims.Proof{proof{member: "jkt", err: down}}, claims.ErrConfirmation},
		{"two known members need both", `{"jkt":"k","x5t#S256":"t"}`, []claims.Proof{jkt}, claims.ErrConfirmation},
		{"in any order", `{"x5t#S256":"t","jkt":"k"}`, []claims.Proof{jkt}, claims.ErrConfirmation},
		{"both", `{"jkt":"k","x5t#S256":"t"}`, []claims.Proof{jkt, mtls}, ""},
		{"one of two fails", `{"jkt":"k","x5t#S256":"t"}`, []claims.Proof{jkt, proof{member: "x5t#S256", err: errors.New("x")}}, claims.ErrConfirmation},
		{"jwk is known", `{"jwk":{}}`, []claims.Proof{jkt}, claims.ErrConfirmation},
		{"kid is known", `{"kid":"x"}`, []claims.Proof{jkt}, claims.ErrConfirmation},
		{"an unknown member is ignored (RFC 7800 section 3.1)", `{"jkt":"k","x":"y"}`, []claims.Proof{jkt}, ""},
		{"an unknown member confirms nothing", `{"x":"y"}`, []claims.Proof{jkt}, claims.ErrConfirmation},
		{"an unknown member with a proof of it", `{"x":"y"}`, []claims.Proof{proof{member: "x"}}, ""},
		{"an empty cnf confirms nothing", `{}`, []claims.Proof{jkt}, claims.ErrConfirmation},
		{"a cnf that is not an object", `"k"`, []claims.Proof{jkt}, claims.ErrMalformed},
		{"a cnf that nests too deeply", `{"jkt":"` + strings.Repeat("]", 3000) + `","y":` + strings.Repeat("[", 1500) + strings.Repeat("]", 1500) + `}`, []claims.Proof{jkt}, claims.ErrMalformed},
		{"a cnf that is null", `null`, nil, claims.ErrMalformed},
		{"member names are case-sensitive", `{"JKT":"k"}`, []claims.Proof{jkt}, claims.ErrConfirmation},
		{"a name written with an escape is the same name", `{"\u006akt":"k"}`, nil, claims.ErrConfirmation},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			v := newVerifier(t, goodIssuer())
			changes := members{"cnf": tc.cnf}
			for range 2 { // a cached token must be confirmed again
				_, err := v.Verify(t.Context(), token(changes), tc.proofs...)
				requireReason(t, tc.want, err)
			}
		})
	}
}

func TestProofReceivesTheTokenAndTheValue(t *testing.T) {
	var seen []string
	bound := token(members{"cnf": `{"jkt": "k\u0065y"}`})
	_, err := newVerifier(t, goodIssuer()).Verify(t.Context(), bound, proof{member: "jkt", seen: &seen})
	require.NoError(t, err)
	assert.Equal(t, []string{bound, `"k\u0065y"`}, seen)
}

// A DPoP proof is spent once it is asked. A wrong certificate must not spend it.
func TestDPoPProofIsAskedLast(t *testing.T) {
	for _, cnf := range []string{`{"jkt":"k","x5t#S256":"t","x":"y"}`, `{"x5t#S256":"t","x":"y","jkt":"k"}`} {
		var seen []string
		bound := token(members{"cnf": cnf})
		_, err := newVerifier(t, goodIssuer()).Verify(t.Context(), bound,
			proof{member: "jkt", seen: &seen}, proof{member: "x5t#S256", err: errors.New("another certificate")})
		requireReason(t, claims.ErrConfirmation, err)
		assert.Empty(t, seen)
	}
}

func TestProofIsAskedOnlyForVerifiedTokens(t *testing.T) {
	var seen []string
	v := newVerifier(t, goodIssuer())
	bound := token(members{"cnf": `{"jkt":"k"}`})
	_, err := v.Verify(t.Context(), bound+"AAAA", proof{member: "jkt", seen: &seen})
	requireReason(t, claims.ErrSignature, err)
	assert.Empty(t, seen)
}
