package claims_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
)

// A peekSet is a key set that can be asked without a fetch, and counts how it is asked.
type peekSet struct {
	fetches, peeks atomic.Int32
	kids           []string // of signer's key
	about          explain.KeySet
	err            error // of Peek
}

func (s *peekSet) find(alg, kid string) ([]claims.Key, error) {
	if alg != "EdDSA" && alg != "Ed25519" || kid != "" && !slices.Contains(s.kids, kid) {
		return nil, claims.ErrUnknownKey
	}
	return []claims.Key{keyOf(signer)}, nil
}

func (s *peekSet) Keys(_ context.Context, alg, kid string) ([]claims.Key, error) {
	s.fetches.Add(1)
	return s.find(alg, kid)
}

func (s *peekSet) Peek(alg, kid string) ([]claims.Key, explain.KeySet, error) {
	s.peeks.Add(1)
	about := s.about
	about.KeyIDs = s.kids
	if s.err != nil {
		return nil, about, s.err
	}
	keys, err := s.find(alg, kid)
	return keys, about, err
}

func peekable(kids ...string) *peekSet {
	return &peekSet{kids: kids, about: explain.KeySet{
		State: "fresh", Age: 3 * time.Minute, NextRefresh: now.Add(12 * time.Minute),
	}}
}

// keyed returns the issuers with a key set that has the key k1, where they have none.
func keyed(issuers ...claims.Issuer) []claims.Issuer {
	for i := range issuers {
		if issuers[i].Keys == nil {
			issuers[i].Keys = peekable("k1")
		}
	}
	return issuers
}

// ownIssuer is goodIssuer with a key set that can be asked without a fetch.
func ownIssuer(changes ...func(*claims.Issuer)) []claims.Issuer {
	issuer := goodIssuer()
	issuer.Keys = peekable("k1")
	for _, change := range changes {
		change(&issuer)
	}
	return []claims.Issuer{issuer}
}

func explained(t testing.TB, v *claims.Verifier, token string, o explain.Options) explain.Report {
	t.Helper()
	return v.Explain(context.Background(), token, o)
}

// stepOf returns the step of a check.
func stepOf(t testing.TB, r explain.Report, check string) explain.Step {
	t.Helper()
	for _, s := range r.Steps {
		if s.Check == check {
			return s
		}
	}
	require.FailNow(t, "no step", check)
	return explain.Step{}
}

// results returns the checks of a report with a result, separated by spaces.
func results(r explain.Report, result explain.Result) string {
	var checks []string
	for _, s := range r.Steps {
		if s.Result == result {
			checks = append(checks, s.Check)
		}
	}
	return strings.Join(checks, " ")
}

// requireAgreement requires that a report decides like Verify, which has returned this reason
// or accepted the token. A bound token is refused without a step that fails.
func requireAgreement(t testing.TB, want claims.Reason, r explain.Report) {
	t.Helper()
	var got string
	if deciding := r.Deciding(); deciding != "" {
		got = stepOf(t, r, deciding).Reason
	}
	if want == claims.ErrConfirmation && got == "" {
		require.Equal(t, explain.NotRun, stepOf(t, r, "cnf").Result)
		return
	}
	require.Equal(t, string(want), got, "%+v", r)
}
