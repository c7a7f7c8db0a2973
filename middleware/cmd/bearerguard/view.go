package main

import (
	"html/template"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/claims/explain"
)

// A view is what the template shows. Its texts are printable ASCII, and the template escapes
// them for HTML.
type view struct {
	Style   template.CSS
	Path    string
	Issuers []string
	Accepts string // the audiences, or the clients
	Offline bool
	Scopes  string
	Problem string
	Result  *result
}

// A result is an explanation for the template.
type result struct {
	Outcome        string
	Summary        string
	Deciding       *row // nil if no check fails
	Rows           []row
	Tables         []memberTable
	SignatureBytes int
	NotShown       []string
}

// A row is a check.
type row struct {
	Check, Class, Mark, Detail, Expected, Received, Standard, Hint string

	Deciding bool
	Failed   bool
	Passed   bool
}

type memberTable struct {
	Title string
	Rows  []memberRow
}

type memberRow struct{ Name, Value, Words string }

func (p *page) view() view {
	s := p.settings
	v := view{
		Style:   template.CSS(pageCSS),
		Path:    p.path,
		Accepts: printable(strings.Join(slices.Concat(s.audiences, s.clients), ", ")),
		Offline: s.jwksFile != "",
		Scopes:  strings.Join(s.scopes, " "),
	}
	for _, issuer := range s.issuers() {
		v.Issuers = append(v.Issuers, printable(issuer.URL))
	}
	return v
}

func newResult(e explanation) *result {
	r := &result{
		Outcome:        e.verdict.outcome,
		Summary:        printable(e.verdict.summary),
		Tables:         []memberTable{{"Claims", memberRows(e.token.claims)}, {"Header", memberRows(e.token.header)}},
		SignatureBytes: e.token.signatureBytes,
		NotShown:       e.token.notShown,
	}
	for n, step := range e.report.Steps {
		shown := newRow(step)
		if shown.Deciding = n == e.verdict.decidingAt; shown.Deciding {
			r.Deciding = &shown
		}
		r.Rows = append(r.Rows, shown)
	}
	return r
}

func newRow(s explain.Step) row {
	return row{
		Check: printable(s.Check), Class: string(s.Result), Mark: printable(strings.ToLower(mark(s.Result))),
		Detail: printable(s.Detail), Expected: printable(s.Expected), Received: printable(s.Received),
		Standard: printable(s.Standard), Hint: printable(s.Hint),
		Failed: s.Result == explain.Fail,
		Passed: s.Result == explain.Pass,
	}
}

func memberRows(members []member) []memberRow {
	var rows []memberRow
	for _, m := range members {
		rows = append(rows, memberRow{printable(m.name), cut(m.value, maxLine), m.words})
	}
	return rows
}
