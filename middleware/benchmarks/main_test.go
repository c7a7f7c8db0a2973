package main

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

// The program measures in processes of its own: here, in this one's.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-child" {
		main()
		return
	}
	m.Run()
}

func TestQuickRun(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "middleware", "benchmarks")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	t.Chdir(dir)
	for _, p := range []place{allFigures, someFigures} {
		require.NoError(t, os.WriteFile(p.path, []byte("before\n"+p.begin+"old\n"+p.end+"after\n"), 0o600))
	}
	var printed strings.Builder
	require.NoError(t, run(t.Context(), []string{"-quick", "-write"}, nil, &printed, io.Discard))
	checkReport(t, printed.String())
	written, err := os.ReadFile(allFigures.path)
	require.NoError(t, err)
	assert.Equal(t, "before\n"+allFigures.begin+"\n"+strings.TrimSpace(printed.String())+"\n\n"+allFigures.end+"after\n", string(written))
	checkSummary(t)
	picture, err := os.ReadFile("growth.svg")
	require.NoError(t, err)
	assert.NoError(t, xml.Unmarshal(picture, new(struct{})))
	assert.Equal(t, 2*(4+2+2+2), strings.Count(string(picture), "<circle"), "a point for each cell of the growth tables")
}

// The README shows what the program prints now, if not the same numbers.
func TestREADMEHasTheReport(t *testing.T) {
	figures, err := allFigures.read()
	require.NoError(t, err)
	checkReport(t, figures)
	_, err = os.Stat("growth.svg")
	assert.NoError(t, err)
	checkSummary(t)
}

// checkSummary holds that the README of the repository shows figures of the same run as
// this module's, and the same ones.
func checkSummary(t *testing.T) {
	t.Helper()
	figures, err := allFigures.read()
	require.NoError(t, err)
	summary, err := someFigures.read()
	require.NoError(t, err)
	heading := strings.SplitN(strings.TrimSpace(figures), "\n\n", 2)[0]
	assert.True(t, strings.HasPrefix(strings.TrimSpace(summary), heading), heading)
	tables := tablesOf(t, figures)
	times, allocations := tables[0], tables[1]
	rows := tablesOf(t, summary)[0]
	require.Equal(t, names(contender.OnGoodTokens()), firstColumn(rows))
	for n, row := range rows[2:] { // in the report's tables the row of the limit is above these
		for i, column := range rows[0][1:] {
			at := slices.Index(times[0], column)
			ratio, _, _ := strings.Cut(row[i+1], " ")
			assert.True(t, strings.HasSuffix(times[n+3][at], " · "+ratio), "%q, %s", row, column)
			_, count, _ := strings.Cut(row[i+1], " · ")
			assert.True(t, strings.HasPrefix(allocations[n+3][at], count+" · "), "%q, %s", row, column)
		}
	}
}

var number = regexp.MustCompile(`[0-9]`)

// checkReport holds that the tables are tables, complete, and of all contenders.
func checkReport(t *testing.T, report string) {
	t.Helper()
	tables := tablesOf(t, report)
	require.Len(t, tables, 11)
	for _, rows := range tables[:9] {
		for _, row := range rows[2:] {
			for _, text := range row[1:] {
				assert.True(t, number.MatchString(text) || text == "–" && row[0] == limitRow, "%q in %q", text, row)
			}
		}
	}
	good := append(contender.OnGoodTokens(), contender.Unprotected())
	for _, n := range []int{0, 1, 3} {
		assert.Equal(t, append([]string{limitRow}, names(good)...), firstColumn(tables[n]))
	}
	assert.Equal(t, names(contender.OnBadTokens()), firstColumn(tables[2]))
	assert.Equal(t, append([]string{contender.Ours().Name}, names(good)...), firstColumn(tables[10]))
	assert.NotContains(t, report, "NaN")
	assert.NotContains(t, report, "Inf")
}

func names(contenders []contender.Contender) []string {
	var names []string
	for _, c := range contenders {
		names = append(names, c.Name)
	}
	return names
}

func firstColumn(rows [][]string) []string {
	var texts []string
	for _, row := range rows[2:] {
		texts = append(texts, row[0])
	}
	return texts
}

// tablesOf returns the cells of all tables, and fails if a row is longer or shorter than
// the one above it, or if a table is not one for lack of an empty line around it.
func tablesOf(t *testing.T, report string) (tables [][][]string) {
	t.Helper()
	for paragraph := range strings.SplitSeq(report, "\n\n") {
		var rows [][]string
		for line := range strings.SplitSeq(strings.TrimSpace(paragraph), "\n") {
			if !strings.HasPrefix(line, "|") {
				require.Empty(t, rows, "text below a table: %q", line)
				require.NotContains(t, line, " | ", "a row outside of a table")
				continue
			}
			require.True(t, strings.HasSuffix(line, "|"), line)
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			if len(rows) > 0 {
				require.Len(t, cells, len(rows[0]), line)
			}
			rows = append(rows, cells)
		}
		if rows != nil {
			require.Greater(t, len(rows), 2, "a table without rows: %q", paragraph)
			tables = append(tables, rows)
		}
	}
	return tables
}

func TestRunRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for rule, args := range map[string][]string{
		"unknown flag":    {"-slow"},
		"an argument":     {"quick"},
		"no processes":    {"-processes", "-1"},
		"an unknown part": {"-child", "everything"},
	} {
		assert.Error(t, run(t.Context(), args, strings.NewReader("{}"), io.Discard, io.Discard), rule)
	}
	err := run(t.Context(), []string{"-help"}, nil, io.Discard, io.Discard)
	assert.True(t, errors.Is(err, flag.ErrHelp))
}

func TestWritingNeedsItsMarks(t *testing.T) {
	for rule, text := range map[string]string{
		"no marks": "text\n", "no end": "begin\n", "no beginning": "end\n", "wrong order": "end\nbegin\n",
	} {
		p := place{filepath.Join(t.TempDir(), "README.md"), "begin\n", "end\n"}
		require.NoError(t, os.WriteFile(p.path, []byte(text), 0o600))
		assert.Error(t, p.write("figures"), rule)
		kept, err := os.ReadFile(p.path)
		require.NoError(t, err)
		assert.Equal(t, text, string(kept), rule)
	}
	assert.Error(t, place{path: filepath.Join(t.TempDir(), "missing.md")}.write("figures"))
}
