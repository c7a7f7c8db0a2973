package migrate_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/examples/migrate/requests"
)

// The tests of this file hold COMPARISON.md equal to the programs, and its evidence to the
// tree.

// decisions are the requests of the table of decisions, with our test of the rule. Its path
// is relative to the root of the repository.
var decisions = []struct{ request, file, test string }{
	{"`alg` is `none`", "claims/regressions_test.go", "TestRegressionsUnsigned"},
	{"HS256 with the public key", "claims/regressions_test.go", "TestRegressionsPublicKeyAsSecret"},
	{"no `exp`", "claims/verifier_test.go", "TestTimeClaims"},
	{"an ID token for the API's audience", "claims/verifier_test.go", "TestOtherKindsOfTokens"},
	{"`typ` is `logout+jwt`", "claims/verifier_test.go", "TestOtherKindsOfTokens"},
	{"an unknown extension in `crit`", "claims/verifier_test.go", "TestHeader"},
	{"`sub` twice: alice, admin", "claims/verifier_test.go", "TestPayloadIsStrictJSON"},
	{"a token of 30 KiB", "claims/verifier_test.go", "TestTokenLengthIsBoundedBeforeItIsRead"},
	{"bound to a key (`cnf`), without proof", "middleware/regressions_test.go", "TestRegressionsBoundTokenAsBearer"},
	{"two `Authorization` fields", "middleware/transport_test.go", "TestAuthorizationField"},
	{"a token without a scheme", "middleware/transport_test.go", "TestAuthorizationField"},
	{"the token in the cookie `jwt`", "middleware/transport_test.go", "TestATokenAnywhereElseIsNotSeen"},
	{"the first token of a new key", "jwks/rotation_test.go", "TestRotationFailsNoRequestAndCostsOneFetch"},
	{"the issuer is down since the start", "middleware/issuer_test.go", "TestIssuerDownAtStart"},
	{"the issuer goes down", "middleware/issuer_test.go", "TestOutage"},
}

func TestDecisionsOfTheComparison(t *testing.T) {
	var table strings.Builder
	writeHead(&table, "request")
	for _, decision := range decisions {
		row := rowOf(t, decision.request)
		fmt.Fprintf(&table, "| %s | [%s](%s) |", row.Request, short(row.Ours), testLink(decision.file, decision.test))
		for _, library := range requests.Libraries() {
			theirs := short(row.Answer(library))
			if theirs != short(row.Ours) {
				theirs = "**" + theirs + "**"
			}
			fmt.Fprintf(&table, " %s |", theirs)
		}
		table.WriteString("\n")
	}
	fmt.Fprintf(&table, "| fetches after %d tokens with made-up key ids, at most | [%d](%s) |", requests.FloodTokens,
		requests.OurFetches, testLink("middleware/regressions_test.go", "TestRegressionsUnknownKeysAreNoAmplifier"))
	for _, library := range requests.Libraries() {
		fmt.Fprintf(&table, " %d |", requests.Fetches[library])
	}
	table.WriteString("\n")
	compareSection(t, comparison, "decisions", table.String())
}

// writeHead writes the head of a table, with the test of each program as its evidence.
func writeHead(table *strings.Builder, first string) {
	fmt.Fprintf(table, "| %s | bearerguard |", first)
	for _, library := range requests.Libraries() {
		fmt.Fprintf(table, " [%s](%s/before/main_test.go) |", library, library)
	}
	fmt.Fprintf(table, "\n|---|---|%s\n", strings.Repeat("---|", len(requests.Libraries())))
}

func rowOf(t *testing.T, request string) requests.Row {
	t.Helper()
	for _, row := range requests.Table {
		if row.Request == request {
			return row
		}
	}
	require.Fail(t, "no such request", request)
	return requests.Row{}
}

// testLink returns the address and the title of a link to one of our tests.
func testLink(file, test string) string { return fmt.Sprintf(`../../%s "%s"`, file, test) }

var (
	testTitle = regexp.MustCompile(`\]\((\S+_test\.go) "((?:Test|Fuzz|Example)\w+)"\)`)
	linkOf    = regexp.MustCompile(`\]\([^)\s]+( "\w+")?\)|\]\[\w[\w-]*\]`)
	reference = regexp.MustCompile(`\]\[(\w[\w-]*)\]`)
)

// root is a link to the root of the repository. go test shows a cached result unless a file
// has changed that the test opened, but it ignores files outside this module.
const root = "testdata/root/"

func TestEachNamedTestExists(t *testing.T) {
	found := testTitle.FindAllStringSubmatch(read(t, comparison), -1)
	require.Greater(t, len(found), 30)
	for _, link := range found {
		file := link[1]
		if outside, ok := strings.CutPrefix(file, "../../"); ok {
			file = root + outside
		}
		assert.True(t, strings.Contains(read(t, file), "\nfunc "+link[2]+"("), "%s has no %s", link[1], link[2])
	}
}

// TestEachCellHasItsEvidence checks that a cell has a link, or says that it was not checked. A
// feature of ours needs a test.
func TestEachCellHasItsEvidence(t *testing.T) {
	_, text, found := strings.Cut(read(t, comparison), "<!-- features -->")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "<!-- end of features -->")
	features := 0
	for table := range strings.SplitSeq(text, "\n\n") {
		head, rows, _ := strings.Cut(strings.TrimSpace(table), "\n|---|---|---|---|---|---|---|---|\n")
		isProject := strings.HasPrefix(head, "| the project |")
		for row := range strings.Lines(rows) {
			cells := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), "|")
			require.Len(t, cells, 2+len(requests.Libraries()), row)
			ours, theirs := cells[1], cells[2:]
			assert.True(t, isProject || testTitle.MatchString(ours) || strings.Contains(ours, "benchmarks"), row)
			for _, cell := range theirs {
				assert.True(t, linkOf.MatchString(cell) || strings.Contains(cell, "not checked"), "%s: %q", cells[0], cell)
			}
			features++
		}
	}
	assert.Greater(t, features, 30)
}

func TestEachReferenceIsDefined(t *testing.T) {
	text := read(t, comparison)
	for _, found := range reference.FindAllStringSubmatch(text, -1) {
		assert.True(t, strings.Contains(text, "\n["+found[1]+"]: "), found[1])
	}
}
