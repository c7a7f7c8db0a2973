package claims_test

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
)

// A hintCase is a token, the check that gives a hint for it, and the beginning of this hint.
type hintCase struct {
	rule    string
	check   string
	also    string // another check that gives the same hint, or ""
	hint    string
	issuers []claims.Issuer // ownIssuer if nil
	token   string
	others  []string // tokens next to it, which do not get the hint
	options explain.Options
}

func hintCases() []hintCase {
	return slices.Concat(grammarHints(), issuerHints(), timeHints(), audienceHints(), claimHints(), keyHints(), scopeHints(), ruleHints(), opaqueHints())
}

func TestHints(t *testing.T) {
	for _, tc := range hintCases() {
		t.Run(tc.check+"/"+tc.rule, func(t *testing.T) {
			require.Greater(t, len(tc.hint), 12, "too short to tell hints apart")
			require.NotEmpty(t, tc.others)
			v := tc.verifier(t)
			report := explained(t, v, tc.token, tc.options)
			want := slices.DeleteFunc([]string{tc.check, tc.also}, func(s string) bool { return s == "" })
			assert.Equal(t, want, hinted(report, tc.hint), "%+v", stepOf(t, report, tc.check))
			for _, s := range report.Steps {
				assert.LessOrEqual(t, strings.Count(s.Hint, ". "), 1, "two sentences at most: %s", s.Hint)
			}
			for _, other := range tc.others {
				assert.Empty(t, hinted(explained(t, v, other, tc.options), tc.hint), other)
			}
		})
	}
}

func (tc hintCase) verifier(t *testing.T) *claims.Verifier {
	t.Helper()
	if tc.issuers == nil {
		return newVerifier(t, ownIssuer()...)
	}
	return newVerifier(t, keyed(tc.issuers...)...)
}

// hinted returns the checks with a hint that begins like this.
func hinted(r explain.Report, beginning string) (checks []string) {
	for _, s := range r.Steps {
		if strings.HasPrefix(s.Hint, beginning) {
			checks = append(checks, s.Check)
		}
	}
	return checks
}

// Every text of the files hint*.go must be part of a hint that the table has produced.
func TestEveryHintHasACase(t *testing.T) {
	var produced strings.Builder
	for _, tc := range hintCases() {
		for _, s := range explained(t, tc.verifier(t), tc.token, tc.options).Steps {
			produced.WriteString(s.Hint + "\n")
		}
	}
	texts := hintTexts(t)
	require.Greater(t, len(texts), 60)
	for _, text := range texts {
		assert.True(t, strings.Contains(produced.String(), text), "no case produces %q", text)
	}
}

var verb = regexp.MustCompile(`%[sd]`)

// hintTexts returns the sentences in the source of the hints, without their values.
func hintTexts(t *testing.T) (texts []string) {
	t.Helper()
	files, err := filepath.Glob("hint*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != gotoken.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			for _, part := range verb.Split(text, -1) {
				if strings.Count(part, " ") > 2 {
					texts = append(texts, part)
				}
			}
			return true
		})
	}
	return texts
}
