package wycheproof_test

import (
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/stretchr/testify/require"
)

// A joseFile holds the members of a file of JOSE vectors that the tests use.
type joseFile struct {
	NumberOfTests int         `json:"numberOfTests"`
	Groups        []joseGroup `json:"testGroups"`
}

// A joseGroup has a JWK or a JWK Set. Public is absent if the keys are secrets.
type joseGroup struct {
	Comment string          `json:"comment"`
	Public  json.RawMessage `json:"public"`
	Private json.RawMessage `json:"private"`
	Tests   []joseVector    `json:"tests"`
}

// A joseVector has either a JWS or a JWE: a string, or an object in JSON serialization.
type joseVector struct {
	ID      int             `json:"tcId"`
	Comment string          `json:"comment"`
	JWS     json.RawMessage `json:"jws"`
	JWE     json.RawMessage `json:"jwe"`
	Result  string          `json:"result"`
	Flags   []string        `json:"flags"`
}

// token returns what a client would send.
func (v joseVector) token(t *testing.T) string {
	t.Helper()
	raw := v.JWS
	if raw == nil {
		raw = v.JWE
	}
	require.NotEmpty(t, raw, "vector %d has neither jws nor jwe", v.ID)
	if raw[0] != '"' {
		return string(raw)
	}
	var text string
	require.NoError(t, json.Unmarshal(raw, &text))
	return text
}

func (v joseVector) wantsAcceptance(t *testing.T) bool {
	t.Helper()
	require.Contains(t, []string{"valid", "invalid"}, v.Result, "vector %d", v.ID)
	return v.Result == "valid"
}

func readJOSE(t *testing.T, name string) joseFile {
	t.Helper()
	file := readFile[joseFile](t, name)
	count := 0
	for _, group := range file.Groups {
		count += len(group.Tests)
	}
	require.Equal(t, file.NumberOfTests, count, "vectors read from %s", name)
	return file
}

// vectorOf returns the vector with a number, and its group.
func (f joseFile) vectorOf(t *testing.T, id int) (joseGroup, joseVector) {
	t.Helper()
	for _, group := range f.Groups {
		for _, vector := range group.Tests {
			if vector.ID == id {
				return group, vector
			}
		}
	}
	require.FailNow(t, "no such vector", "%d", id)
	return joseGroup{}, joseVector{}
}

func readFile[T any](t *testing.T, name string) (file T) {
	t.Helper()
	document, err := fs.ReadFile(wycheproof.TestVectors, name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(document, &file))
	return file
}
