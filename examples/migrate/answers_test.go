package migrate_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/examples/migrate/requests"
)

func TestAnswersOnThePage(t *testing.T) {
	var table strings.Builder
	table.WriteString("| request | bearerguard |")
	for _, library := range requests.Libraries() {
		fmt.Fprintf(&table, " %s |", library)
	}
	fmt.Fprintf(&table, " why |\n|---|---|%s---|\n", strings.Repeat("---|", len(requests.Libraries())))
	for _, row := range requests.Table {
		writeRow(&table, row)
	}
	fmt.Fprintf(&table, "| %d tokens with made-up key ids: fetches, at most | %d |", requests.FloodTokens, requests.OurFetches)
	for _, library := range requests.Libraries() {
		fmt.Fprintf(&table, " %d |", requests.Fetches[library])
	}
	table.WriteString(" three at once, then one per 10 s: enough for a rotation, too few to harm the issuer |\n")
	compareSection(t, page, "answers", table.String())
}

func writeRow(table *strings.Builder, row requests.Row) {
	fmt.Fprintf(table, "| %s | %s |", row.Request, short(row.Ours))
	why := ""
	for _, library := range requests.Libraries() {
		theirs := short(row.Answer(library))
		switch {
		case row.Optional && !library.HasOptional():
			theirs = "–"
		case theirs != short(row.Ours):
			theirs, why = "**"+theirs+"**", row.Why
		}
		fmt.Fprintf(table, " %s |", theirs)
	}
	fmt.Fprintf(table, " %s |\n", why)
}

// short returns an answer without its challenge, which the transcripts show.
func short(answer string) string {
	if strings.HasPrefix(answer, "200") || answer == requests.NoStart {
		return answer
	}
	status, _, _ := strings.Cut(answer, " ")
	return status
}

func TestTranscriptsOnThePage(t *testing.T) {
	text := read(t, page)
	for _, dir := range []string{".", "auth0/before", "jwtauth/before", "echojwt/before"} {
		assert.Contains(t, text, "```text\n"+read(t, filepath.Join(dir, "answers.txt"))+"```\n", dir)
	}
}
