package middleware_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNestedModules runs the tests of the modules inside this one, which go test ./... does
// not include. It finds a change here that breaks an adapter or an example.
func TestNestedModules(t *testing.T) {
	if testing.Short() {
		t.Skip("builds other modules")
	}
	root := moduleRoot(t)
	modules := nestedModules(t, root)
	if len(modules) == 0 {
		t.Skip("no nested modules: this is not the repository")
	}
	for _, dir := range modules {
		name, err := filepath.Rel(root, dir)
		require.NoError(t, err)
		t.Run(name, func(t *testing.T) {
			readAll(t, dir)
			args := []string{"-C", dir, "test", "-mod=readonly"}
			if raceEnabled {
				args = append(args, "-race")
			}
			cmd := exec.CommandContext(t.Context(), "go", append(args, "./...")...)
			cmd.Env = append(os.Environ(), "GOWORK=off")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", cmd, err, out)
			}
		})
	}
}

// moduleRoot returns the folder of this module's go.mod.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir
		}
		require.ErrorIs(t, err, fs.ErrNotExist)
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skip("no go.mod: vendored")
		}
		dir = parent
	}
}

// nestedModules returns the folders below root that have a go.mod.
func nestedModules(t *testing.T, root string) []string {
	t.Helper()
	var modules []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && isIgnored(entry.Name()):
			return fs.SkipDir
		case entry.Name() == "go.mod" && filepath.Dir(path) != root:
			modules = append(modules, filepath.Dir(path))
		}
		return nil
	})
	require.NoError(t, err)
	return modules
}

// isIgnored reports whether the go command ignores folders with this name.
func isIgnored(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "vendor"
}

// readAll opens every file of a nested module. go test does not know that this test depends
// on them. It runs a test again, instead of using the cached result, if a file has changed
// that the test opened.
func readAll(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		_, err = os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed in the meantime
		}
		return err
	})
	require.NoError(t, err)
}
