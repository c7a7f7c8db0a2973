package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/chart"
	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

// markdown returns the report.
func (f *figures) markdown(ctx context.Context, p plan) (string, error) {
	dubious, err := dubiousTable(ctx)
	if err != nil {
		return "", err
	}
	var s strings.Builder
	f.heading(&s, p)
	f.goodTokens(&s)
	f.refused(&s)
	f.throughput(&s)
	f.growth(&s)
	s.WriteString("### What the contenders accept\n\n" + dubious)
	s.WriteString("### Contenders\n\n" + contenderTable())
	return s.String(), nil
}

func (f *figures) heading(s *strings.Builder, p plan) {
	rounds := "one round"
	if n := p.Processes * p.Rounds; n > 1 {
		rounds = fmt.Sprintf("%d rounds", n)
	}
	fmt.Fprintf(s, "Measured %s, %s, %s/%s, %s, GOMAXPROCS %d; %s.\n",
		time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.GOOS, runtime.GOARCH,
		processor(), runtime.GOMAXPROCS(0), rounds)
	noise := f.noise()
	if p.Processes*p.Rounds > 1 {
		fmt.Fprintf(s, "Figures are of the decile next to the best round; in the median one the bare signature check took up to %.0f %% longer.\n",
			100*noise)
	}
	switch {
	case p.Quick:
		s.WriteString("\n**This was a quick run: it shows that everything works. Its numbers mean nothing.**\n")
	case noise > 0.1:
		s.WriteString("\n**The machine was not quiet: compare ratios, and only where they differ much.**\n")
	}
	s.WriteByte('\n')
}

// processor returns the processor's name where the system tells it.
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// A grid writes a table, one text for each row and column.
func (f *figures) grid(s *strings.Builder, t table, corner string, text func(at cell) string) {
	columns := f.columns[t]
	fmt.Fprintf(s, "| %s | %s |\n|---|%s\n", corner, strings.Join(columns, " | "), strings.Repeat("--:|", len(columns)))
	for _, row := range f.rows[t] {
		fmt.Fprintf(s, "| %s |", row)
		for _, column := range columns {
			fmt.Fprintf(s, " %s |", text(cell{t, row, column}))
		}
		s.WriteByte('\n')
	}
	s.WriteByte('\n')
}

func (f *figures) goodTokens(s *strings.Builder) {
	s.WriteString("### One request with a good token\n\nTime, and its ratio to the signature check alone.\n\n")
	f.grid(s, requestTable, "", func(at cell) string {
		value, _ := f.value(at)
		return duration(value) + " · " + f.ratio(at, cell{at.table, limitRow, at.column})
	})
	s.WriteString("What it allocates: how often, and how many bytes.\n\n")
	f.grid(s, requestTable, "", f.garbage)
}

// summary returns what the README of the repository shows of the report.
func (f *figures) summary(p plan) string {
	var s strings.Builder
	f.heading(&s, p)
	columns := []contender.Algorithm{contender.RS256, contender.ES256, contender.EdDSA}
	s.WriteString("| | RS256 | ES256 | EdDSA |\n|---|--:|--:|--:|\n")
	for _, c := range contender.OnGoodTokens() {
		fmt.Fprintf(&s, "| %s |", c.Name)
		for _, algorithm := range columns {
			at := cell{requestTable, c.Name, string(algorithm)}
			fmt.Fprintf(&s, " %s · %d |", f.ratio(at, cell{requestTable, limitRow, at.column}), f.allocs(at))
		}
		s.WriteByte('\n')
	}
	return s.String()
}

func (f *figures) garbage(at cell) string {
	return fmt.Sprintf("%d · %s B", f.allocs(at), thousands(int(f.bytes(at))))
}

func (f *figures) refused(s *strings.Builder) {
	s.WriteString("### One request that is refused\n\n" +
		"RS256. Time, its ratio to the check of a signature, and how often it allocates.\n\n")
	f.grid(s, refusalTable, "", func(at cell) string {
		value, _ := f.value(at)
		ratio := f.ratio(at, cell{refusalLimitTable, limitRow, string(contender.RS256)})
		return fmt.Sprintf("%s · %s · %d", duration(value), ratio, f.allocs(at))
	})
}

func (f *figures) throughput(s *strings.Builder) {
	s.WriteString("### On all cores, and whole servers\n\n" +
		"RS256. Wall-clock time of a request when all cores make them, and its ratio to the signature check alone;\n" +
		"requests per second of an `http.Server` on loopback with 32 connections, and its share of the unprotected one's.\n\n")
	unprotected := cell{table: serverTable, row: contender.Unprotected().Name}
	s.WriteString("| | all cores | | server, requests/s | share |\n|---|--:|--:|--:|--:|\n")
	for _, row := range f.rows[parallelTable] {
		at := cell{parallelTable, row, string(contender.RS256)}
		value, _ := f.value(at)
		fmt.Fprintf(s, "| %s | %s | %s |", row, duration(value), f.ratio(at, cell{parallelTable, limitRow, at.column}))
		at = cell{table: serverTable, row: row}
		if value, ok := f.value(at); ok {
			share, _ := f.relation(at, unprotected)
			fmt.Fprintf(s, " %s | %.0f %% |\n", thousands(int(value)), 100*share)
		} else {
			s.WriteString(" – | – |\n")
		}
	}
	s.WriteByte('\n')
}

func (f *figures) growth(s *strings.Builder) {
	s.WriteString("### Growth\n\n" +
		"![Cost of a request by number of distinct tokens, issuers, keys and scopes](growth.svg)\n\n" +
		"EdDSA tokens of about 400 bytes, through the whole middleware. Time of a request, and the share of requests\n" +
		"that found their token in the cache; in the other tables, what a request allocates.\n\n")
	f.grid(s, tokenTable, "distinct tokens", func(at cell) string {
		value, _ := f.value(at)
		return fmt.Sprintf("%s · %.0f %%", duration(value), 100*f.cached(at))
	})
	for _, t := range []table{issuerTable, keyTable, scopeTable} {
		f.grid(s, t, string(t), func(at cell) string {
			value, _ := f.value(at)
			return duration(value) + " · " + f.garbage(at)
		})
	}
	s.WriteString("The cache beside general ones in its place, under a SHA-256 of the token: a request on all cores, and the share of\n" +
		"requests that found their token. There is room for a tenth of the tokens of the last column.\n\n")
	f.grid(s, storeTable, "", func(at cell) string {
		value, _ := f.value(at)
		return fmt.Sprintf("%s · %.0f %%", duration(value), 100*f.cached(at))
	})
	for _, row := range f.rows[memoryTable] {
		value, _ := f.value(cell{table: memoryTable, row: row})
		fmt.Fprintf(s, "A cached token with %s takes %s bytes of heap.\n\n", row, thousands(int(value)))
	}
}

func dubiousTable(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	issuer, err := contender.NewIssuer(contender.RS256)
	if err != nil {
		return "", err
	}
	defer issuer.Close()
	var s strings.Builder
	s.WriteString("Tokens with a genuine RS256 signature that a resource server should refuse. bearerguard refuses all of them.\n" +
		"Some of the others have an option against one or the other, which their documentation's examples do not use.\n\n" +
		"| token | accepted by |\n|---|---|\n")
	for _, token := range issuer.Dubious() {
		accepted, err := acceptedBy(ctx, issuer, token)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&s, "| %s | %s |\n", token.Rule, accepted)
	}
	s.WriteByte('\n')
	return s.String(), nil
}

func acceptedBy(ctx context.Context, issuer *contender.Issuer, token contender.Token) (string, error) {
	var names []string
	for _, c := range contender.OnBadTokens() {
		handler, err := c.Protect(ctx, issuer, contender.Timesheets)
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.Name, err)
		}
		client := contender.NewClient(ctx, handler)
		client.Bearer(token.Text)
		if client.Do() == http.StatusOK {
			name, _, _ := strings.Cut(c.Name, ",")
			names = appendNew(names, name)
		}
	}
	if len(names) == 0 {
		return "nobody", nil
	}
	return strings.Join(names, ", "), nil
}

func contenderTable() string {
	var s strings.Builder
	s.WriteString("| | version | configuration |\n|---|---|---|\n")
	for _, c := range append([]contender.Contender{contender.Ours()}, onGoodTokens()...) {
		fmt.Fprintf(&s, "| %s | %s | %s |\n", c.Name, c.Version(), c.Setting)
	}
	return s.String()
}

// growthChart draws the growth tables.
func (f *figures) growthChart(p plan) chart.Chart {
	const cost = "µs per request, logarithmic"
	return chart.Chart{Title: "What a request costs as things grow", Panels: []chart.Panel{
		{Title: "Distinct live tokens", X: "tokens", Y: cost, Lines: f.lines(tokenTable, p.Tokens)},
		{Title: "Issuers", X: "issuers, a key and a token each", Y: cost, Lines: f.lines(issuerTable, p.Issuers)},
		{Title: "Keys of an issuer", X: "keys, a token each", Y: cost, Lines: f.lines(keyTable, p.Keys)},
		{Title: "Scopes of a token", X: "scopes", Y: cost, Lines: f.lines(scopeTable, p.Scopes)},
	}}
}

func (f *figures) lines(t table, counts []int) []chart.Line {
	var lines []chart.Line
	for _, column := range f.columns[t] {
		line := chart.Line{Name: column}
		for _, count := range counts {
			if value, ok := f.value(cell{t, thousands(count), column}); ok {
				line.Points = append(line.Points, chart.Point{X: float64(count), Y: value / 1e3})
			}
		}
		lines = append(lines, line)
	}
	return lines
}
