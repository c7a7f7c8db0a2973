package differential_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/bearerguard/bearerguard/claims"
)

// compare verifies a token with all verifiers and reports differences that no table explains.
// It returns the names of the known differences that it found.
func compare(t testing.TB, token string) (met []string) {
	t.Helper()
	return compareWith(t, peers, token)
}

func compareWith(t testing.TB, peers []peer, token string) (met []string) {
	t.Helper()
	f := factsOf(token)
	c, got, err := verifyOurs(token)
	accepted := c != nil
	for _, p := range peers {
		theirs, theirErr := p.verify(token)
		switch {
		case accepted && theirErr != nil:
			met = append(met, explain(t, moreTolerant, p.name, "", theirErr, f, fmt.Sprintf("%s refuses what we accept: %v", p.name, theirErr)))
		case !accepted && theirErr == nil:
			met = append(met, explain(t, stricter, p.name, reasonOf(t, err), nil, f, fmt.Sprintf("%s accepts what we refuse: %v", p.name, err)))
		case accepted && theirErr == nil:
			if err != nil {
				finding(t, f, fmt.Sprintf("%s decodes claims that we cannot decode: %v", p.name, err))
			}
			if difference := differ(got, theirs); difference != "" {
				met = append(met, explain(t, otherClaims, p.name, "", nil, f, fmt.Sprintf("%s reads other claims: %s", p.name, difference)))
			}
		}
	}
	return met
}

func reasonOf(t testing.TB, err error) claims.Reason {
	t.Helper()
	var reason claims.Reason
	if !errors.As(err, &reason) {
		t.Fatalf("an error without a Reason: %v", err)
	}
	return reason
}

// explain returns the name of the first row that applies. If there is none, it reports a
// finding.
func explain(t testing.TB, table []difference, peer string, reason claims.Reason, theirs error, f facts, what string) string {
	t.Helper()
	for _, row := range table {
		if row.applies(peer, reason, theirs) && row.when(f) {
			return row.name
		}
	}
	finding(t, f, what)
	return ""
}

func (d difference) applies(peer string, reason claims.Reason, theirs error) bool {
	if theirs != nil && !strings.Contains(strings.ToLower(theirs.Error()), d.says) {
		return false
	}
	return (d.peer == "" || d.peer == peer) && d.reason == reason
}

func finding(t testing.TB, f facts, what string) {
	t.Helper()
	t.Errorf("%s\nheader  %q\npayload %q\ntoken   %s", what, f.header, f.payload, f.token[:min(len(f.token), 4096)])
}

// differ describes the differences between two outcomes, or returns "".
func differ(ours, theirs outcome) string {
	var texts []string
	check := func(name string, a, b any) {
		if !reflect.DeepEqual(a, b) {
			texts = append(texts, fmt.Sprintf("%s %#v, not %#v", name, b, a))
		}
	}
	check("iss", ours.issuer, theirs.issuer)
	check("sub", ours.subject, theirs.subject)
	check("jti", ours.id, theirs.id)
	check("aud", ours.audience, theirs.audience)
	check("exp", ours.expires, theirs.expires)
	check("nbf", ours.before, theirs.before)
	check("iat", ours.issue, theirs.issue)
	check("claims", ours.all, theirs.all)
	return strings.Join(texts, "; ")
}
