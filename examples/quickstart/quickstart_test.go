package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryAnswerIsAsExpected(t *testing.T) {
	var out bytes.Buffer
	require.Equal(t, 0, run(t.Context(), &out, false), out.String())
	text := out.String()
	for _, line := range []string{
		`"sub": "uploader@clients"`,
		`< {"client":"uploader","scopes":["read:timesheets"],"sub":"uploader@clients","timesheets":[]}`,
		`< WWW-Authenticate: Bearer realm="timesheets", scope="read:timesheets"` + "\n",
		`error_description="The access token expired"`,
		`error_description="The access token is for another audience"`,
		`error_description="The access token is signed with an algorithm that is not accepted"`,
		`error_description="The access token has an invalid signature"`,
		`error="insufficient_scope"`,
		`scope="write:timesheets"`,
		"failed requests: 0; further fetches of the key set: 1",
		"< Retry-After: ",
		`error="invalid_dpop_proof"`,
		"All 17 scenes went as expected.",
	} {
		assert.Contains(t, text, line)
	}
	assert.Equal(t, []string{
		"200", "200", "401", "401", "401", "401", "401", "403", "200", "401", "401", "200", "200", "503", "200",
	}, statuses(text))
	assert.NotContains(t, text, clientSecret)
	assert.NotRegexp(t, `eyJ[\w-]+\.[\w-]+\.[\w-]+`, text, "no complete token")
	assert.NotContains(t, text, "NOT AS EXPECTED")
}

func statuses(text string) []string {
	var found []string
	for _, match := range regexp.MustCompile(`(?m)^    < (\d{3}) `).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

func TestServeKeepsRunningAndPrintsCommands(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, writer, true)
		_ = writer.Close()
	}()
	text := readUntil(t, reader, "Press Ctrl-C to stop both.\n")
	assert.NotContains(t, text, "#", "zsh passes a comment to the command")
	curl := regexp.MustCompile(`curl -i (http://\S+/timesheets) .*Bearer (eyJ\S+)"`).FindStringSubmatch(text)
	require.Len(t, curl, 3)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, curl[1], nil)
	request.Header.Set("Authorization", "Bearer "+curl[2])
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Contains(t, response.Header.Get("WWW-Authenticate"), "expired", "the last command has the expired token")

	stop()
	assert.Equal(t, 0, <-code)
}

// readUntil returns what it read until the mark appeared.
func readUntil(t *testing.T, r io.Reader, mark string) string {
	t.Helper()
	var text strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(text.String(), mark) {
		n, err := r.Read(buffer)
		require.NoError(t, err, text.String())
		text.Write(buffer[:n])
	}
	return text.String()
}

func TestAnythingUnexpectedIsAFailure(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	assert.Equal(t, 1, run(ctx, &out, true), "no request is answered, and it does not keep running")
	assert.Contains(t, out.String(), "NOT AS EXPECTED: there is no answer")

	good := answer{status: 401, header: http.Header{"Www-Authenticate": {`Bearer realm="a"`}}, body: "body"}
	for _, test := range []struct {
		name string
		want want
		code int
	}{
		{"all as expected", want{401, `realm="a"`, "bod"}, 0},
		{"another status", want{200, "", ""}, 1},
		{"another challenge", want{401, `realm="b"`, ""}, 1},
		{"a challenge where none should be", want{401, "-", ""}, 1},
		{"another body", want{401, "", "text"}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &stage{out: io.Discard}
			s.judge(good, test.want, "")
			assert.Equal(t, test.code, s.conclude())
		})
	}
}
