package migrate_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/examples/migrate/requests"
)

// used are the modules of each library, and the packages of them that its program imports.
var used = []struct {
	library          requests.Library // empty for bearerguard
	modules, imports string
}{
	{
		"", "github.com/bearerguard/bearerguard",
		"github.com/bearerguard/bearerguard/claims github.com/bearerguard/bearerguard/middleware",
	},
	{
		requests.Auth0, "github.com/auth0/go-jwt-middleware/v3",
		"github.com/auth0/go-jwt-middleware/v3 github.com/auth0/go-jwt-middleware/v3/jwks " +
			"github.com/auth0/go-jwt-middleware/v3/validator",
	},
	{
		requests.GolangJWT, "github.com/golang-jwt/jwt/v5 github.com/MicahParks/keyfunc/v3",
		"github.com/golang-jwt/jwt/v5 github.com/golang-jwt/jwt/v5/request github.com/MicahParks/keyfunc/v3",
	},
	{requests.GoOIDC, "github.com/coreos/go-oidc/v3", "github.com/coreos/go-oidc/v3/oidc"},
	{
		requests.JWX, "github.com/lestrrat-go/jwx/v3",
		"github.com/lestrrat-go/jwx/v3/jwk github.com/lestrrat-go/jwx/v3/jwt",
	},
	{requests.JWTAuth, "github.com/go-chi/jwtauth/v5", "github.com/go-chi/jwtauth/v5"},
	{requests.EchoJWT, "github.com/labstack/echo-jwt/v5", "github.com/labstack/echo-jwt/v5"},
}

func TestFactsOfTheComparison(t *testing.T) {
	rows := []string{"| its own `go` directive |", "| modules in the program |", "| exported functions, methods, types |"}
	for _, u := range used {
		versions := list(t, "-m", "{{.GoVersion}}", u.modules)
		dir := filepath.Join(string(u.library), "before")
		if u.library == "" {
			dir = "auth0/after"
		}
		rows[0] += fmt.Sprintf(" %s |", strings.Join(versions, ", "))
		rows[1] += fmt.Sprintf(" %d |", modules(t, dir))
		rows[2] += fmt.Sprintf(" %d |", exported(t, list(t, "-find", "{{.Dir}}", u.imports)))
	}
	var table strings.Builder
	writeHead(&table, "")
	table.WriteString(strings.Join(rows, "\n") + "\n")
	compareSection(t, comparison, "facts", table.String())
}

// list returns a line of go list for each name.
func list(t *testing.T, flag, format, names string) []string {
	t.Helper()
	args := append([]string{"list", flag, "-f", format}, strings.Fields(names)...)
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// exported counts the exported functions, methods and types of packages.
func exported(t *testing.T, dirs []string) int {
	t.Helper()
	count := 0
	for _, dir := range dirs {
		p := parse(t, dir)
		count += len(p.Funcs)
		for _, named := range p.Types {
			count += 1 + len(named.Funcs) + len(named.Methods)
		}
	}
	return count
}

func parse(t *testing.T, dir string) *doc.Package {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	files := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		require.NoError(t, err)
		parsed = append(parsed, file)
	}
	p, err := doc.NewFromFiles(files, parsed, "example")
	require.NoError(t, err)
	return p
}
