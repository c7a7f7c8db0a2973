package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/bearerguard/bearerguard/claims/explain"
)

const (
	maxLine   = 400 // characters of a value of the token on one line
	maxDetail = 80  // characters of a detail on one line
)

// A textWriter writes an explanation for people. Each value that it gets is made printable
// before it is written.
type textWriter struct {
	bytes.Buffer
	colour bool
}

// writeText returns the function that writes an explanation as text.
func writeText(colour bool) func(io.Writer, explanation) error {
	return func(w io.Writer, e explanation) error {
		t := &textWriter{colour: colour}
		fmt.Fprintln(t, t.strong(e.verdict.summary, e.verdict.exitCode != exitNoneFails))
		fmt.Fprintln(t)
		for n, step := range e.report.Steps {
			t.step(step, n == e.verdict.decidingAt)
		}
		t.contents(e.token)
		_, err := w.Write(t.Bytes())
		return err
	}
}

// strong returns s in bold, and in red if it is bad news.
func (t *textWriter) strong(s string, bad bool) string {
	s = printable(s)
	switch {
	case !t.colour:
		return s
	case bad:
		return "\x1b[1;31m" + s + "\x1b[0m"
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

// step writes one line, and the details below it if the check fails.
func (t *textWriter) step(s explain.Step, deciding bool) {
	line := printable(fmt.Sprintf("%-11s  %-16s", mark(s.Result), s.Check))
	if s.Detail != "" {
		line += "  " + printable(s.Detail)
	}
	if deciding {
		line = t.strong(line, true)
	}
	fmt.Fprintf(t, "  %s\n", bytes.TrimRight([]byte(line), " "))
	if s.Result == explain.Fail {
		t.detail("expected", s.Expected)
		t.detail("received", s.Received)
		t.detail("standard", s.Standard)
	}
	if s.Result != explain.Pass {
		t.detail("hint", s.Hint)
	}
}

// detail writes a value under its check, in lines of a readable length.
func (t *textWriter) detail(name, value string) {
	for n, line := range wrap(printable(value)) {
		if n > 0 {
			name = ""
		}
		fmt.Fprintf(t, "               %-8s  %s\n", name, line)
	}
}

// wrap cuts a text at spaces. A longer word stays in one piece.
func wrap(text string) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+len(word) >= maxDetail {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimLeft(line+" "+word, " ")
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// mark returns the word in front of a check. A failure stands out without colour, too.
func mark(r explain.Result) string {
	switch r {
	case explain.Pass:
		return "pass"
	case explain.Fail:
		return "FAIL"
	case explain.NotReached:
		return "not reached"
	case explain.NotRun:
		return "not run"
	}
	return string(r)
}

func (t *textWriter) contents(c contents) {
	t.members("header", c.header)
	t.members("claims", c.claims)
	if c.signatureBytes > 0 {
		fmt.Fprintf(t, "\nsignature: %d bytes, not shown\n", c.signatureBytes)
	}
	for _, problem := range c.notShown {
		fmt.Fprintf(t, "\n%s\n", printable(problem))
	}
}

func (t *textWriter) members(title string, members []member) {
	if len(members) == 0 {
		return
	}
	width := 0
	for _, m := range members {
		width = max(width, len(printable(m.name)))
	}
	fmt.Fprintf(t, "\n%s\n", title)
	for _, m := range members {
		line := fmt.Sprintf("  %-*s  %s", width, printable(m.name), cut(m.value, maxLine))
		if m.words != "" {
			line += "  (" + m.words + ")"
		}
		fmt.Fprintln(t, line)
	}
}
