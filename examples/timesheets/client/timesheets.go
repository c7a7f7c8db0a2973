package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	"golang.org/x/oauth2"
)

// maxAnswer bounds the body that is read, in bytes.
const maxAnswer = 1 << 20

type entry struct {
	Date    string  `json:"date"`
	Project string  `json:"project"`
	Hours   float64 `json:"hours"`
	Note    string  `json:"note,omitempty"`
}

func (e entry) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %5.1f h  %-12s %s", e.Date, e.Hours, e.Project, e.Note))
}

// A timesheets calls the Timesheets API.
type timesheets struct {
	url    string
	client *http.Client
	out    io.Writer
}

func (t timesheets) add(ctx context.Context, e entry) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := t.do(ctx, http.MethodPost, body); err != nil {
		return err
	}
	fmt.Fprintln(t.out, "uploaded", e)
	return nil
}

func (t timesheets) list(ctx context.Context) error {
	body, err := t.do(ctx, http.MethodGet, nil)
	if err != nil {
		return err
	}
	var answer struct {
		Subject    string  `json:"sub"`
		Timesheets []entry `json:"timesheets"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("the answer is not a list of timesheets: %w", err)
	}
	fmt.Fprintf(t.out, "%d entries of %s:\n", len(answer.Timesheets), answer.Subject)
	for _, e := range answer.Timesheets {
		fmt.Fprintln(t.out, " ", e)
	}
	return nil
}

// do returns the body of a 2xx answer. For every other status, the error is a *refusal.
func (t timesheets) do(ctx context.Context, method string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, t.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := t.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, t.url, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, &refusal{method, t.url, response.Status, response.Header, answer}
	}
	return answer, nil
}

// A refusal is an answer of the API whose status is not 2xx.
type refusal struct {
	method, url, status string
	header              http.Header
	body                []byte
}

// Error returns the status, the headers that explain it, and the problem document (RFC
// 9457).
func (r *refusal) Error() string {
	lines := []string{fmt.Sprintf("%s %s: %s", r.method, r.url, r.status)}
	for _, name := range []string{"WWW-Authenticate", "Retry-After", "Location"} {
		for _, value := range r.header.Values(name) {
			lines = append(lines, "  "+name+": "+printable(value))
		}
	}
	if body := printable(string(r.body)); body != "" {
		lines = append(lines, "  "+body)
	}
	return strings.Join(lines, "\n")
}

// printable replaces characters that could control the terminal, and limits the length.
func printable(text string) string {
	text = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, text)
	return strings.TrimSpace(fmt.Sprintf("%.2000s", text))
}

// explain returns the text for an error. If the issuer refused the token request, the text
// has the issuer's error and description.
func explain(err error) string {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return err.Error()
	}
	if refused.ErrorCode == "" {
		return "the issuer gave no token: " + refused.Response.Status
	}
	return fmt.Sprintf("the issuer gave no token: %s: %s %q", refused.Response.Status, refused.ErrorCode, refused.ErrorDescription)
}
