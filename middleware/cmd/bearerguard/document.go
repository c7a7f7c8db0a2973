package main

import (
	"bytes"
	"encoding/json"
	"io"
	"time"
)

// A document is what -json prints. The README describes it.
type document struct {
	Outcome  string `json:"outcome"`
	ExitCode int    `json:"exit_code"`
	Summary  string `json:"summary"`
	Deciding string `json:"deciding"`
	Reason   string `json:"reason"`
	At       string `json:"at"`
	Issuer   string `json:"issuer"`

	Steps          []documentStep   `json:"steps"`
	Header         []documentMember `json:"header"`
	Claims         []documentMember `json:"claims"`
	SignatureBytes int              `json:"signature_bytes"`
	NotShown       []string         `json:"not_shown"`
}

type documentStep struct {
	Check    string `json:"check"`
	Result   string `json:"result"`
	Reason   string `json:"reason,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Expected string `json:"expected,omitempty"`
	Received string `json:"received,omitempty"`
	Standard string `json:"standard,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

type documentMember struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
	Words string          `json:"words,omitempty"`
}

// writeJSON writes an explanation as one JSON object in ASCII.
func writeJSON(w io.Writer, e explanation) error {
	d := document{
		Outcome: e.verdict.outcome, ExitCode: e.verdict.exitCode, Summary: e.verdict.summary,
		Deciding: e.verdict.deciding.Check, Reason: e.verdict.deciding.Reason,
		At: e.report.At.UTC().Format(time.RFC3339), Issuer: e.report.Issuer,
		Steps:  []documentStep{}, // an empty list rather than null
		Header: documentMembers(e.token.header), Claims: documentMembers(e.token.claims),
		SignatureBytes: e.token.signatureBytes,
		NotShown:       append([]string{}, e.token.notShown...),
	}
	for _, s := range e.report.Steps {
		d.Steps = append(d.Steps, documentStep{
			s.Check, string(s.Result), s.Reason, s.Detail, s.Expected, s.Received, s.Standard, s.Hint,
		})
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(ascii(text), '\n'))
	return err
}

func documentMembers(members []member) []documentMember {
	list := []documentMember{}
	for _, m := range members {
		list = append(list, documentMember{Name: m.name, Value: json.RawMessage(m.value), Words: m.words})
	}
	return list
}

// ascii escapes the characters of a JSON text that are not printable ASCII. Outside of strings,
// JSON has no others than line ends.
func ascii(text []byte) []byte {
	lines := bytes.Split(text, []byte("\n"))
	for n, line := range lines {
		lines[n] = []byte(printable(string(line)))
	}
	return bytes.Join(lines, []byte("\n"))
}
