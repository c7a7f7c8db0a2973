package metrics_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/metrics"
)

func TestErrorType(t *testing.T) {
	for _, tt := range []struct {
		rule string
		d    middleware.Decision
		want string
	}{
		{"let through", middleware.Decision{Outcome: "ok"}, ""},
		{"no token", middleware.Decision{Outcome: "missing", Error: &middleware.Error{Status: 401}}, ""},
		{"a reason", middleware.Decision{Outcome: "refused", Reason: claims.ErrExpired}, "expired"},
		{"a 400 has no reason", middleware.Decision{Outcome: "refused", Error: &middleware.Error{Status: 400}}, "invalid_request"},
		{"a reason of the application", middleware.Decision{Outcome: "forbidden", Reason: "alice is on holiday"}, "_other"},
		{"a refusal of the application without a reason", middleware.Decision{Outcome: "refused", Error: &middleware.Error{Status: 429}}, "_other"},
		{"a refusal without an error", middleware.Decision{Outcome: "refused"}, "_other"},
		{"an outcome that a later version may have", middleware.Decision{Outcome: "postponed"}, "_other"},
	} {
		assert.Equal(t, tt.want, metrics.ErrorType(tt.d), tt.rule)
	}
}

// A new Reason must not be missing from the metrics.
func TestEveryReasonIsThereFromTheStart(t *testing.T) {
	all := flat(known(1).Families(statusOf()))
	reasons := append(reasonsOf(t, "../../claims/reason.go"), reasonsOf(t, "../dpop/error.go")...)
	require.Greater(t, len(reasons), 18)
	for _, reason := range reasons {
		outcome := "refused"
		switch claims.Reason(reason) {
		case claims.ErrForbidden:
			outcome = "forbidden"
		case claims.ErrUnavailable, claims.ErrKeysUnavailable:
			outcome = "unavailable"
		}
		text := "verifications outcome=" + outcome + " error.type=" + reason
		assert.Contains(t, all, text)
		if reason != string(claims.ErrIssuer) {
			assert.Contains(t, all, text+" issuer="+issuerURL)
		}
	}
}

// reasonsOf returns the values of all constants of type Reason in a file.
func reasonsOf(t *testing.T, file string) (values []string) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this is not the repository")
	}
	require.NoError(t, err)
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		name, _ := spec.Type.(*ast.Ident)
		if qualified, ok := spec.Type.(*ast.SelectorExpr); ok {
			name = qualified.Sel
		}
		if name != nil && name.Name == "Reason" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			values = append(values, value)
		}
		return false
	})
	return values
}

func TestSeriesThatAreThereFromTheStart(t *testing.T) {
	all := flat(known(1).Families(statusOf()))
	for text, value := range all {
		assert.Zero(t, value, text)
		assert.NotContains(t, text, "_other")
	}
	for _, outcome := range []string{"ok", "missing", "refused", "forbidden", "unavailable"} {
		for _, scheme := range []string{"", " scheme=Bearer"} {
			for _, transport := range []string{"http", "grpc", "connect"} {
				assert.Contains(t, all, "requests outcome="+outcome+scheme+" transport="+transport)
			}
		}
	}
	for _, cause := range []string{"schedule", "forced", "asked"} {
		for _, result := range []string{"ok", "not_modified", "error"} {
			labels := " issuer=" + issuerURL + " cause=" + cause + " result=" + result
			assert.Contains(t, all, "jwks.fetches"+labels)
			assert.NotContains(t, all, "jwks.fetch.duration"+labels)
		}
	}
	for _, text := range []string{
		"verifications outcome=ok", "verifications outcome=ok issuer=" + issuerURL, "verifications outcome=missing",
		"verifications outcome=refused error.type=invalid_request",
		"token_cache.lookups result=hit", "token_cache.lookups result=miss", "token_cache.lookups result=key_gone",
		"token_cache.entries", "token_cache.evictions",
	} {
		assert.Contains(t, all, text)
	}
	assert.NotContains(t, all, "verifications outcome=missing issuer="+issuerURL, "it never happens")
	assert.NotContains(t, all, "jwks.fetches cause=schedule result=ok", "a fetch has an issuer")
}

// The families do not depend on what was counted: promauth and otelauth declare them once.
func TestFamiliesAreAlwaysTheSame(t *testing.T) {
	declared := func(families []metrics.Family) (list []metrics.Family) {
		for _, f := range families {
			for _, s := range f.Series {
				require.Len(t, s.Values, len(f.Labels), f.Name)
				require.Len(t, s.Buckets, len(f.Bounds), f.Name)
			}
			f.Series = nil
			list = append(list, f)
		}
		return list
	}
	counts := metrics.New()
	before := declared(counts.Families(middleware.Status{}))
	names := make(map[string]bool)
	for _, f := range before {
		assert.NotEmpty(t, f.Help)
		assert.Equal(t, f.Kind == "histogram", len(f.Bounds) > 0)
		names[f.Name] = true
	}
	assert.Len(t, names, len(before), "no name twice")
	for _, d := range typical(t) {
		d.Duration = 1
		counts.Observe(t.Context(), d)
	}
	counts.Observe(t.Context(), middleware.Decision{Outcome: "refused", Error: &middleware.Error{Status: http.StatusTeapot}})
	counts.ObserveFetch("", "", "", 1)
	assert.Equal(t, before, declared(counts.Families(statusOf(statuses(100)...))))
}
