package requests

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Write makes the tests write the files that they otherwise compare: the transcripts and
// the tables of the pages.
var Write = flag.Bool("write", false, "write the transcripts and the tables of the pages")

// transcribed are the rows whose whole answer the page shows.
var transcribed = []string{"no token", "expired an hour ago", "another scope"}

// compareTranscript compares what callers see with a file.
func compareTranscript(t *testing.T, program Program, name string) {
	t.Helper()
	w := newWorld(t)
	handler, err := program(t.Context(), w)
	require.NoError(t, err)
	var got strings.Builder
	for _, row := range Table {
		if slices.Contains(transcribed, row.Request) {
			got.WriteString(transcript(handler, row.Request, row.make(w)))
		}
	}
	if *Write {
		require.NoError(t, os.WriteFile(name, []byte(got.String()), 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, string(want), got.String(), "to write it: go test -write")
}

func transcript(handler http.Handler, request string, r *http.Request) string {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n%d %s\n", request, recorder.Code, http.StatusText(recorder.Code))
	for _, field := range []string{"Content-Type", "WWW-Authenticate"} {
		for _, value := range recorder.Header().Values(field) {
			fmt.Fprintf(&text, "%s: %s\n", field, value)
		}
	}
	fmt.Fprintf(&text, "%s\n", strings.TrimSpace(recorder.Body.String()))
	return text.String()
}
