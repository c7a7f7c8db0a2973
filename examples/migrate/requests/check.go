// Package requests sends the same table of requests to the programs before and after a move. It
// compares their answers with those that the table states.
package requests

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Program makes the handler of a program for the issuer of a World. Its goroutines end
// with ctx.
type Program func(ctx context.Context, w *World) (http.Handler, error)

// Before compares the answers of a program that uses this library with its column.
func Before(t *testing.T, library Library, program Program) {
	t.Helper()
	check(t, library, program, func(row Row) string { return row.Answer(library) })
	compareTranscript(t, program, "answers.txt")
	least := Fetches[library]
	if library == GoOIDC {
		least /= 2
	}
	compareFetches(t, program, least, Fetches[library])
}

// After compares the answers of the program that has been moved from this library with
// the column of bearerguard.
func After(t *testing.T, library Library, program Program) {
	t.Helper()
	check(t, library, program, func(row Row) string { return row.Ours })
	compareTranscript(t, program, "../../answers.txt") // the same for all of them
	compareFetches(t, program, OurFetches, OurFetches)
}

// check uses a new World for each row. The libraries limit their requests to an issuer, so one
// of them is often the last one for minutes.
func check(t *testing.T, library Library, program Program, want func(Row) string) {
	t.Helper()
	for _, row := range Table {
		if row.Optional && !library.HasOptional() {
			continue
		}
		t.Run(row.Request, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if row.before != nil {
				row.before(w)
			}
			handler, err := program(t.Context(), w)
			if err != nil {
				assert.Equal(t, want(row), NoStart, "%v", err)
				return
			}
			if row.meanwhile != nil {
				require.Equal(t, "200 alice", answer(handler, get("/me", w.bearer(nil))))
				row.meanwhile(w)
			}
			assert.Equal(t, want(row), answer(handler, row.make(w)))
		})
	}
}

// NoStart is the answer of a program whose set-up fails.
const NoStart = "no start"

// answer returns the status, and what matters of the rest. That is the body of a success, the
// schemes and error codes of the challenges, and Retry-After.
func answer(handler http.Handler, r *http.Request) string {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	parts := []string{strconv.Itoa(recorder.Code)}
	if recorder.Code == http.StatusOK {
		parts = append(parts, recorder.Body.String())
	}
	for _, challenge := range recorder.Header().Values("WWW-Authenticate") {
		parts = append(parts, summary(challenge)...)
	}
	if recorder.Header().Get("Retry-After") != "" {
		parts = append(parts, "Retry-After")
	}
	return strings.Join(parts, " ")
}

func summary(challenge string) []string {
	scheme, parameters, _ := strings.Cut(challenge, " ")
	parts := []string{scheme}
	if _, rest, found := strings.Cut(parameters, `error="`); found {
		code, _, _ := strings.Cut(rest, `"`)
		parts = append(parts, code)
	}
	return parts
}
