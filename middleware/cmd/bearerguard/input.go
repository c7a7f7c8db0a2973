package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxInput bounds what is read as a token. It is far above the limit of the verifier, which
// reports a token that is too long.
const maxInput = 1 << 20

var (
	errNoToken = errors.New("no token: the input is empty")
	errTooLong = errors.New("the input is longer than 1 MiB, so it is no token")
)

func readTokenFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("-f: %w", err)
	}
	defer f.Close()
	return readToken(f)
}

func readToken(r io.Reader) (string, error) {
	input, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	return tokenOf(string(input))
}

// tokenOf removes one line end, which echo and editors add. Everything else is left for the
// report, because a client can send it as well.
func tokenOf(input string) (string, error) {
	if len(input) > maxInput {
		return "", errTooLong
	}
	token := input
	if line, ok := strings.CutSuffix(input, "\n"); ok {
		token = strings.TrimSuffix(line, "\r")
	}
	if token == "" {
		return "", errNoToken
	}
	return token, nil
}

// hasToken reports whether text has a part that looks like a token: base64url of the start of
// a JSON object, and a dot. It is a safety net against mistakes.
func hasToken(text string) bool {
	for part := range strings.FieldsFuncSeq(text, notInToken) {
		head, _, found := strings.Cut(part, ".")
		if found && startsObject(strings.TrimLeft(head, "-_")) { // as the name of a flag, too
			return true
		}
	}
	return false
}

func notInToken(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	return !letter && !(r >= '0' && r <= '9') && !strings.ContainsRune("-_.", r)
}

// startsObject looks at the first bytes only: the rest need not be base64url.
func startsObject(segment string) bool {
	start := segment[:min(len(segment), 16)/4*4]
	decoded, err := base64.RawURLEncoding.DecodeString(start)
	if err != nil {
		return false
	}
	inside, found := strings.CutPrefix(string(decoded), "{")
	return found && strings.HasPrefix(strings.TrimLeft(inside, " \t\r\n"), `"`)
}
