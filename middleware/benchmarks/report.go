package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/perf/benchunit"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

// limitRow is the row that other rows are compared with.
const limitRow = "bare signature check"

// markdown returns all tables for the README of this module.
func (r *results) markdown() string {
	limit := cell{"Request", limitRow, string(contender.RS256)}
	return r.heading() +
		"### One request with a good token\n\n" +
		"The ratio to the bare signature check, and the number of allocations. All libraries cache keys; only bearerguard\n" +
		"caches tokens.\n\n" +
		r.grid("Request", "", r.columns["Request"], r.relative) +
		"Time, and bytes allocated.\n\n" +
		r.grid("Request", "", r.columns["Request"], func(at cell) string {
			return duration(r.median(at, seconds)) + " · " + size(r.median(at, bytesOp))
		}) +
		"### One request that is refused\n\n" +
		"RS256. The ratio to the bare signature check, the number of allocations, and the time.\n\n" +
		r.grid("Refusal", "", r.columns["Refusal"], func(at cell) string {
			return fmt.Sprintf("%s · %.0f · %s", ratio(r.ratio(at, limit)), r.median(at, allocs), duration(r.median(at, seconds)))
		}) +
		"### All cores, and whole servers\n\n" +
		"RS256. All cores: the time of a request when all cores make them, and its ratio to the bare signature check.\n" +
		"Server: requests per second of an `http.Server` on loopback with 32 connections, and the share of what the\n" +
		"unprotected server answers. The load generator runs on the same cores.\n\n" +
		r.throughput() +
		"### Growth\n\n" +
		"![Time of a request by number of tokens, issuers, keys and scopes](growth.svg)\n\n" +
		"EdDSA. Time of a request and share of cache hits with more and more distinct tokens of about 400 bytes:\n\n" +
		r.grid("Tokens", "tokens", r.columns["Tokens"], func(at cell) string {
			return fmt.Sprintf("%s · %.0f %%", duration(r.median(at, seconds)), r.median(at, hits))
		}) +
		r.cachedToken() +
		"Time of a request, allocations and bytes allocated with more and more issuers, keys and scopes:\n\n" +
		r.growth("Issuers") + r.growth("Keys") + r.growth("Scopes") +
		"### Contenders\n\n" + contenderTable()
}

func (r *results) heading() string {
	statistic := fmt.Sprintf("Medians of %d rounds.", r.rounds)
	if r.short {
		statistic = "A quick run: the numbers mean nothing."
	}
	return fmt.Sprintf("Measured %s with %s on %s, GOMAXPROCS %d. %s\n\n",
		time.Now().UTC().Format(time.DateOnly), runtime.Version(), r.machine, runtime.GOMAXPROCS(0), statistic)
}

// inREADME are the rows for the README of the repository: ours, and the fastest peer.
var inREADME = []string{"bearerguard, token not yet cached", "bearerguard, token cached", "golang-jwt v5, static keys"}

// summary returns the figures for the README of the repository.
func (r *results) summary() string {
	columns := []string{string(contender.RS256), string(contender.ES256), string(contender.EdDSA)}
	var b strings.Builder
	b.WriteString(r.heading())
	header(&b, "", columns...)
	for _, name := range inREADME {
		row(&b, name, columns, func(column string) string { return r.relative(cell{"Request", name, column}) })
	}
	return b.String()
}

// grid returns a table with a text for each cell.
func (r *results) grid(table, corner string, columns []string, text func(cell) string) string {
	var b strings.Builder
	header(&b, corner, columns...)
	for _, name := range r.rows[table] {
		row(&b, grouped(name), columns, func(column string) string { return text(cell{table, name, column}) })
	}
	return b.String() + "\n"
}

func header(b *strings.Builder, corner string, columns ...string) {
	fmt.Fprintf(b, "| %s | %s |\n|---|%s\n", corner, strings.Join(columns, " | "), strings.Repeat("--:|", len(columns)))
}

func row(b *strings.Builder, name string, columns []string, text func(column string) string) {
	fmt.Fprintf(b, "| %s |", name)
	for _, column := range columns {
		fmt.Fprintf(b, " %s |", text(column))
	}
	b.WriteString("\n")
}

func (r *results) relative(at cell) string {
	return fmt.Sprintf("%s · %.0f", ratio(r.ratio(at, cell{at.table, limitRow, at.column})), r.median(at, allocs))
}

func (r *results) throughput() string {
	var b strings.Builder
	header(&b, "", "all cores", "ratio", "server, requests/s", "share")
	unprotected := cell{"Server", contender.Unprotected().Name, ""}
	for _, name := range r.rows["AllCores"] {
		core, server := cell{"AllCores", name, ""}, cell{"Server", name, ""}
		perSecond, share := "–", "–"
		if time := r.median(server, seconds); time > 0 {
			perSecond = grouped(fmt.Sprintf("%.0f", 1/time))
			share = fmt.Sprintf("%.0f %%", 100*r.ratio(unprotected, server))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, duration(r.median(core, seconds)),
			ratio(r.ratio(core, cell{"AllCores", limitRow, ""})), perSecond, share)
	}
	return b.String() + "\n"
}

func (r *results) growth(table string) string {
	return r.grid(table, strings.ToLower(table), r.columns[table], func(at cell) string {
		return fmt.Sprintf("%s · %.0f · %s", duration(r.median(at, seconds)), r.median(at, allocs), size(r.median(at, bytesOp)))
	})
}

// cachedToken returns the memory of a token in the largest cache.
func (r *results) cachedToken() string {
	rows, columns := r.rows["Tokens"], r.columns["Tokens"]
	largest := cell{"Tokens", rows[len(rows)-1], columns[len(columns)-1]}
	return fmt.Sprintf("A cached token of this length takes %s of heap.\n\n", size(r.median(largest, heap)))
}

func contenderTable() string {
	var b strings.Builder
	b.WriteString("| | version | configuration |\n|---|---|---|\n")
	all := append([]contender.Contender{contender.Ours()}, contender.OnGoodTokens()...)
	for _, c := range append(all, contender.Unprotected()) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.Name, c.Version(), c.Setting)
	}
	return b.String()
}

// ratio returns the text of a ratio with two decimals, or with two significant digits
// below 0.1.
func ratio(value float64) string {
	switch {
	case value == 0:
		return "–"
	case value >= 0.1:
		return fmt.Sprintf("×%.2f", value)
	}
	rounded, _ := strconv.ParseFloat(fmt.Sprintf("%.1e", value), 64)
	return "×" + strconv.FormatFloat(rounded, 'f', -1, 64)
}

func duration(seconds float64) string { return benchunit.Scale(seconds, benchunit.Decimal) + "s" }

func size(bytes float64) string { return grouped(fmt.Sprintf("%.0f", bytes)) + " B" }

// grouped separates the thousands of a number, and returns other texts unchanged.
func grouped(text string) string {
	if _, err := strconv.Atoi(text); err != nil || len(text) <= 3 {
		return text
	}
	return grouped(text[:len(text)-3]) + "," + text[len(text)-3:]
}
