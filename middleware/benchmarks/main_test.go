package main

import (
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

// This binary is also the program that the command would compile.
func TestQuickRun(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "middleware", "benchmarks")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	t.Chdir(dir)
	for _, p := range []place{allFigures, someFigures} {
		require.NoError(t, os.WriteFile(p.path, []byte("before\n"+p.begin+"old\n"+p.end+"after\n"), 0o600))
	}
	var printed strings.Builder
	p := plan{program: program, rounds: 1, benchtime: "1x", short: true}
	require.NoError(t, p.report(t.Context(), true, &printed, io.Discard))

	checkFigures(t, printed.String())
	written, err := os.ReadFile(allFigures.path)
	require.NoError(t, err)
	want := "before\n" + allFigures.begin + "\n" + strings.TrimSpace(printed.String()) + "\n\n" + allFigures.end + "after\n"
	assert.Equal(t, want, string(written))
	checkSummary(t)
	for _, n := range []string{"10", "100"} {
		tokens := rows(t, printed.String())[n][:4] // the first table with such a row
		for column, hits := range []string{" · 0 %", " · 100 %", " · 100 %", " · 100 %"} {
			assert.True(t, strings.HasSuffix(tokens[column], hits), tokens)
		}
	}
	svg, err := os.ReadFile("growth.svg")
	require.NoError(t, err)
	assert.NoError(t, xml.Unmarshal(svg, new(struct{})))
	assert.Equal(t, 2*(4+1+1+1), strings.Count(string(svg), "<circle"), "dots: two for each line")
}

func TestREADMEsShowTheFigures(t *testing.T) {
	_, figures, _, err := allFigures.cut()
	require.NoError(t, err)
	checkFigures(t, figures)
	checkSummary(t)
	assert.FileExists(t, "growth.svg")
}

// checkFigures fails if a contender or a figure is missing.
func checkFigures(t *testing.T, figures string) {
	t.Helper()
	rows := rows(t, figures)
	for _, c := range append(contender.OnGoodTokens(), contender.Ours(), contender.Unprotected()) {
		assert.NotEmpty(t, rows[c.Name], c.Name)
	}
	for name, cells := range rows {
		for _, text := range cells {
			missing := text == "" || text == "–" && name != limitRow && name != contender.Unprotected().Name
			assert.False(t, missing || strings.Contains(text, "NaN") || strings.Contains(text, "Inf"), "%s: %q", name, cells)
		}
	}
}

// checkSummary fails if the README of the repository does not show the figures of the
// README of this module.
func checkSummary(t *testing.T) {
	t.Helper()
	_, figures, _, err := allFigures.cut()
	require.NoError(t, err)
	_, summary, _, err := someFigures.cut()
	require.NoError(t, err)
	heading, _, _ := strings.Cut(strings.TrimSpace(figures), "\n")
	assert.True(t, strings.HasPrefix(strings.TrimSpace(summary), heading), heading)
	all, some := rows(t, figures), rows(t, summary)
	for _, name := range inREADME {
		require.Len(t, some[name], 3)
		assert.Subset(t, all[name], some[name], name)
	}
}

// rows returns the cells of all tables by the first cell of their row. It fails if a row
// and the row above it differ in length.
func rows(t *testing.T, text string) map[string][]string {
	t.Helper()
	rows := make(map[string][]string)
	length := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			length = 0
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for n := range cells {
			cells[n] = strings.TrimSpace(cells[n])
		}
		require.True(t, length == 0 || length == len(cells), line)
		length = len(cells)
		if cells[0] != "" && !strings.HasPrefix(cells[0], "-") {
			rows[cells[0]] = append(rows[cells[0]], cells[1:]...)
		}
	}
	return rows
}

// The ratio is the median of the ratios of each round, not the ratio of the medians.
func TestRatioIsOfTheSameRound(t *testing.T) {
	r := new(results)
	require.NoError(t, r.read(strings.NewReader(`goos: plan9
goarch: mips
cpu: a processor
BenchmarkRequest/peer=limit/alg=RS256_4096-2  1  100 ns/op  7 allocs/op
BenchmarkRequest/peer=ours/alg=RS256_4096-2  1  300 ns/op  9 allocs/op
BenchmarkRequest/peer=limit/alg=RS256_4096-2  1  400 ns/op  7 allocs/op
BenchmarkRequest/peer=ours/alg=RS256_4096-2  1  800 ns/op  9 allocs/op
BenchmarkRequest/peer=limit/alg=RS256_4096-2  1  500 ns/op  7 allocs/op
BenchmarkRequest/peer=ours/alg=RS256_4096-2  1  500 ns/op  9 allocs/op
PASS
`)))
	ours, limit := cell{"Request", "ours", "RS256 4096"}, cell{"Request", "limit", "RS256 4096"}
	assert.InDelta(t, 500e-9, r.median(ours, seconds), 1e-12)
	assert.InDelta(t, 400e-9, r.median(limit, seconds), 1e-12)
	assert.Equal(t, 2.0, r.ratio(ours, limit))
	assert.Equal(t, 9.0, r.median(ours, allocs))
	assert.Zero(t, r.ratio(ours, cell{}))
	assert.Equal(t, "plan9/mips, a processor", r.machine)
	assert.Error(t, r.read(strings.NewReader("BenchmarkRequest 1 fast\n")))
}

func TestNumbersAreReadable(t *testing.T) {
	for value, want := range map[float64]string{0: "–", 2: "×2.00", 0.0254: "×0.025", 0.0000551: "×0.000055"} {
		assert.Equal(t, want, ratio(value))
	}
	for text, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "1234567": "1,234,567", "peer": "peer"} {
		assert.Equal(t, want, grouped(text))
	}
}

func TestOrdersHaveTheirFrequencies(t *testing.T) {
	share := func(order []uint32, token uint32) float64 {
		count := 0
		require.Less(t, slices.Max(order), uint32(100))
		for _, n := range order {
			if n == token {
				count++
			}
		}
		return float64(count) / float64(len(order))
	}
	assert.InDelta(t, 0.01, share(uniform(100), 0), 0.001)
	assert.InDelta(t, 0.01, share(uniform(100), 99), 0.001)
	assert.Greater(t, share(zipf(100), 0), 0.2)
	assert.Less(t, share(zipf(100), 99), 0.005)
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-slow"}, {"quick"}, {"-rounds", "0"}} {
		assert.Error(t, run(t.Context(), args, io.Discard, io.Discard), args)
	}
	assert.ErrorIs(t, run(t.Context(), []string{"-help"}, io.Discard, io.Discard), flag.ErrHelp)
}

func TestFailedBenchmarkIsAnError(t *testing.T) {
	p := plan{program: filepath.Join(t.TempDir(), "missing"), rounds: 1}
	assert.ErrorIs(t, p.report(t.Context(), false, io.Discard, io.Discard), os.ErrNotExist)
}

func TestWriteNeedsItsMarks(t *testing.T) {
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
