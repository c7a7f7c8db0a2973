package middleware_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A challenge is one element of WWW-Authenticate (RFC 9110 section 11.3).
type challenge struct {
	scheme     string
	parameters map[string]string // names in lower case
}

// parseChallenges reads a WWW-Authenticate value strictly by RFC 9110 section 11.6.1. It
// refuses token68, which Bearer does not use, and empty list elements, which a sender must
// not generate (section 5.6.1.1).
func parseChallenges(value string) ([]challenge, error) {
	s := scanner{rest: value}
	var challenges []challenge
	for {
		name, err := s.token()
		if err != nil {
			return nil, err
		}
		switch {
		case s.rest == "" || s.rest[0] == ',':
			challenges = append(challenges, challenge{scheme: name, parameters: map[string]string{}})
		case s.rest[0] == ' ':
			s.rest = strings.TrimLeft(s.rest, " ")
			challenges = append(challenges, challenge{scheme: name, parameters: map[string]string{}})
			if name, err = s.token(); err != nil {
				return nil, err
			}
			fallthrough
		default:
			if len(challenges) == 0 {
				return nil, errors.New("a parameter without a scheme")
			}
			if err := s.parameter(name, challenges[len(challenges)-1].parameters); err != nil {
				return nil, err
			}
		}
		if s.rest == "" {
			return challenges, nil
		}
		if s.rest[0] != ',' {
			return nil, fmt.Errorf("%q where a comma belongs", s.rest)
		}
		s.rest = strings.TrimLeft(s.rest[1:], " \t")
	}
}

type scanner struct{ rest string }

// token reads a token (RFC 9110 section 5.6.2).
func (s *scanner) token() (string, error) {
	end := strings.IndexFunc(s.rest, func(r rune) bool {
		alphanumeric := r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		return !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
	if end < 0 {
		end = len(s.rest)
	}
	if end == 0 {
		return "", fmt.Errorf("%q where a token belongs", s.rest)
	}
	token := s.rest[:end]
	s.rest = s.rest[end:]
	return token, nil
}

// parameter reads the rest of an auth-param. Each name must be unique (section 11.2).
func (s *scanner) parameter(name string, into map[string]string) error {
	name = strings.ToLower(name)
	if !strings.HasPrefix(s.rest, "=") { // a sender generates no white space around it
		return fmt.Errorf("%q where = belongs", s.rest)
	}
	s.rest = s.rest[1:]
	var value string
	var err error
	if strings.HasPrefix(s.rest, `"`) {
		value, err = s.quotedString()
	} else {
		value, err = s.token()
	}
	if _, duplicate := into[name]; err == nil && duplicate {
		err = fmt.Errorf("duplicate parameter %q", name)
	}
	into[name] = value
	return err
}

// quotedString reads a quoted-string (section 5.6.4), of ASCII only.
func (s *scanner) quotedString() (string, error) {
	var value strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return value.String(), nil
		case c == '\\' && i+1 < len(s.rest):
			i++
			value.WriteByte(s.rest[i])
		case c < ' ' && c != '\t' || c >= 0x7f:
			return "", fmt.Errorf("byte %#x in a quoted string", c)
		default:
			value.WriteByte(c)
		}
	}
	return "", errors.New("a quoted string without an end")
}

// A lenient parser would let the tests that use it pass.
func TestParseChallengesIsStrict(t *testing.T) {
	for name, value := range map[string]string{
		"empty":                   ``,
		"no scheme":               `realm="x"`,
		"no comma":                `Bearer realm="x" error="y"`,
		"trailing comma":          `Bearer realm="x",`,
		"duplicate":               `Bearer realm="x", realm="y"`,
		"duplicate in other case": `Bearer realm="x", Realm="y"`,
		"no closing quote":        `Bearer realm="x`,
		"quote inside":            `Bearer realm="a"b"`,
		"unquoted with space":     `Bearer realm=a b`,
		"control character":       "Bearer realm=\"a\r\nb\"",
		"not ASCII":               `Bearer realm="é"`,
		"escaped closing quote":   `Bearer realm="x\"`,
		"space before equal sign": `Bearer realm ="x"`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseChallenges(value)
			assert.Error(t, err)
		})
	}
	got, err := parseChallenges(`Basic, Bearer realm="a \"b\" \\, c", error=x, DPoP algs="ES256"`)
	require.NoError(t, err)
	assert.Equal(t, []challenge{
		{"Basic", map[string]string{}},
		{"Bearer", map[string]string{"realm": `a "b" \, c`, "error": "x"}},
		{"DPoP", map[string]string{"algs": "ES256"}},
	}, got)
}
