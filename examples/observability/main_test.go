package main

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShortForm(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	code := run(t.Context(), config{duration: 6 * time.Second, workers: 2, metricsAddr: "127.0.0.1:0"}, &out)
	assert.Equal(t, 0, code, out.String())
	for _, ch := range chapters {
		assert.Contains(t, out.String(), ch.what)
	}
	for _, outcome := range []string{"ok", "missing", "refused", "forbidden", "unavailable"} {
		assert.Regexp(t, outcome+` +[1-9]`, out.String(), "there is each outcome")
	}
	assert.Regexp(t, `unexpected +0 +0`, out.String())
}

// The program must find metrics that do not count what happened.
func TestWrongCountsAreFound(t *testing.T) {
	w := newTestWorld(t)
	status, err := w.send(t.Context(), http.MethodGet, w.token(nil))
	require.NoError(t, err)
	var out bytes.Buffer
	assert.False(t, w.compare(&out), "an answer that no client got")
	w.tally.add(status, true, nil)
	assert.True(t, w.compare(&out))
	w.tally.add(http.StatusInternalServerError, true, nil)
	assert.False(t, w.compare(&out), "an answer that no decision causes")
}

func TestMistakesOfTheCommandLine(t *testing.T) {
	var out bytes.Buffer
	assert.Equal(t, 2, run(t.Context(), config{duration: time.Second, draw: "x.svg"}, &out))
	assert.Equal(t,
		"-duration 1s: it is less than 6s\n-workers 0: it is less than 1\n-draw: it needs -prometheus\n", out.String())
	out.Reset()
	assert.Equal(t, 2, run(t.Context(), config{duration: time.Minute, workers: 1, metricsAddr: "x"}, &out))
	assert.Contains(t, out.String(), "address x: missing port")
}
