package differential_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A seed is a pair of documents to sign.
type seed struct{ header, payload string }

// hostileSeeds returns good documents with one hostile member each.
func hostileSeeds() []seed {
	good := seed{goodHeader("EdDSA", "k1").String(), goodPayload().String()}
	all := []seed{good}
	for i, name := range hostileNames {
		for _, value := range hostileValues {
			if i < headerNames {
				all = append(all, seed{goodHeader("EdDSA", "k1").set(name, value).String(), good.payload})
			}
			all = append(all, seed{good.header, goodPayload().set(name, value).String()})
		}
	}
	return all
}

// unitSeeds returns seeds from the tables of ../*_test.go. Each JSON object there is used as a
// header and as a payload, and each literal of the type members as a change of the payload.
func unitSeeds(t testing.TB) (all []seed) {
	t.Helper()
	files, err := filepath.Glob("../*_test.go")
	require.NoError(t, err)
	good := seed{goodHeader("EdDSA", "k1").String(), goodPayload().String()}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.CompositeLit:
				if kind, ok := node.Type.(*ast.Ident); ok && kind.Name == "members" {
					all = append(all, seed{good.header, changed(node).String()})
				}
			case ast.Expr:
				if text, ok := textOf(node); ok && strings.HasPrefix(text, "{") {
					all = append(all, seed{text, good.payload}, seed{good.header, text})
				}
			}
			return true
		})
	}
	require.Greater(t, len(all), 500, "the tables are not where they were")
	return all
}

// changed returns the good payload with the changes of a literal of the type members. An empty
// value deletes a member.
func changed(changes *ast.CompositeLit) document {
	payload := goodPayload()
	for _, element := range changes.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		name, known := textOf(pair.Key)
		value, knownToo := textOf(pair.Value)
		switch {
		case !known || !knownToo:
		case value == "":
			payload = payload.without(strconv.Quote(name))
		default:
			payload = payload.set(strconv.Quote(name), value)
		}
	}
	return payload
}

func (d document) without(name string) (rest document) {
	for _, m := range d {
		if m.name != name {
			rest = append(rest, m)
		}
	}
	return rest
}

// textOf returns the value of an expression of string literals and of constants. The constants are
// those that the tables share with this package.
func textOf(expr ast.Expr) (string, bool) {
	switch expr := expr.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(expr.Value)
		return text, err == nil && expr.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := textOf(expr.X)
		right, okToo := textOf(expr.Y)
		return left + right, ok && okToo && expr.Op == token.ADD
	case *ast.Ident:
		text, ok := map[string]string{"issuerURL": issuerURL, "audience": audience}[expr.Name]
		return text, ok
	}
	return "", false
}
