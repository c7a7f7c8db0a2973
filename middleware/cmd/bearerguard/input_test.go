package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// One line end is removed, and everything else reaches the report.
func TestInput(t *testing.T) {
	for name, test := range map[string]struct{ stdin, token string }{
		"as it is":               {hello, hello},
		"echo":                   {hello + "\n", hello},
		"echo on Windows":        {hello + "\r\n", hello},
		"two line ends":          {hello + "\n\n", hello + "\n"},
		"a carriage return":      {hello + "\r", hello + "\r"},
		"a space":                {hello + " ", hello + " "},
		"white space before":     {"\n" + hello, "\n" + hello},
		"quotation marks":        {`"` + hello + `"`, `"` + hello + `"`},
		"the scheme":             {"Bearer " + hello, "Bearer " + hello},
		"as long as can be read": {strings.Repeat("x", maxInput), strings.Repeat("x", maxInput)},
	} {
		t.Run(name, func(t *testing.T) {
			c := command{args: explainArgs(), stdin: test.stdin, report: good()}
			code, _, _ := c.run(t)
			assert.Equal(t, exitNoneFails, code)
			assert.Equal(t, test.token, c.token)
		})
	}
}

func TestInputIsBounded(t *testing.T) {
	for name, test := range map[string]struct{ stdin, problem string }{
		"empty":         {"", "the input is empty"},
		"one line end":  {"\n", "the input is empty"},
		"over 1 MiB":    {strings.Repeat("x", maxInput+1), "longer than 1 MiB"},
		"without limit": {strings.Repeat("x", 8*maxInput), "longer than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			c := command{args: explainArgs(), stdin: test.stdin, report: good()}
			code, _, stderr := c.run(t)
			assert.Equal(t, exitWrongUse, code)
			assert.Contains(t, stderr, test.problem)
			assert.Empty(t, c.token)
		})
	}
}

func TestInputFromFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token.txt")
	require.NoError(t, os.WriteFile(file, []byte(hello+"\n"), 0o600))
	c := command{args: explainArgs("-f", file), stdin: "not this", report: good()}
	code, _, _ := c.run(t)
	assert.Equal(t, exitNoneFails, code)
	assert.Equal(t, hello, c.token)
}

// A token on the command line is refused wherever it is, and not repeated.
func TestTokenOnTheCommandLine(t *testing.T) {
	pretty := base64.RawURLEncoding.EncodeToString([]byte("{\n  \"alg\": \"RS256\"\n}")) + ".e30."
	encrypted := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"dir","enc":"A256GCM"}`)) + "..a.b.c"
	for name, args := range map[string][]string{
		"an argument":           {hello},
		"with its scheme":       {"Bearer " + hello},
		"in quotation marks":    {`"` + hello + `"`},
		"the value of a flag":   {"-f", hello},
		"behind an equals sign": {"-audience=" + hello},
		"an unknown flag":       {"-token=" + hello},
		"a name of a flag":      {"-" + hello},
		"after the flags":       {"--", hello},
		"pretty header":         {pretty},
		"encrypted":             {encrypted},
	} {
		t.Run(name, func(t *testing.T) {
			c := command{args: explainArgs(args...), stdin: hello, report: good()}
			code, stdout, stderr := c.run(t)
			assert.Equal(t, exitWrongUse, code)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, "a token must not be on the command line")
			assert.NotContains(t, stderr, "ey")
			assert.Empty(t, c.token)
		})
	}
}

func TestHasTokenLeavesNamesAlone(t *testing.T) {
	for _, text := range []string{
		"https://eyewear.example.com/", "ewok-planet.example.com", "eyJ", "eyJhbGci", "e.e.e", "", ".", "..", "00000003-0000",
		"https://login.microsoftonline.com/x/v2.0", "client@clients", "e30.e30.", "ey.ey.ey", "eyJ.x.y",
	} {
		assert.False(t, hasToken(text), text)
	}
	assert.True(t, hasToken(hello))
	assert.True(t, hasToken("see "+hello+"!"))
}
