package middleware_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// heavyModules are the modules whose tests take longest to build and run. go test ./...
// skips them, and .ci/run tests them like all others.
var heavyModules = []string{"claims/revocation/sharedtest", "examples/interop", "middleware/benchmarks", "middleware/dpop/sharedtest"}

// TestNestedModules runs the tests of the modules inside this one, because go test ./...
// does not enter them. A change that breaks an adapter or an example fails here.
//
// go test stops a package after 10 minutes by default, which a busy machine may need for
// compiling. A module that cannot be finished before that limit is skipped. .ci/run has
// no such limit: it tests each module in a command of its own.
func TestNestedModules(t *testing.T) {
	if testing.Short() {
		t.Skip("builds other modules")
	}
	root := moduleRoot(t)
	modules := nestedModules(t, root)
	if len(modules) == 0 {
		t.Skip("no nested modules: this is not the repository")
	}
	for _, name := range modules {
		t.Run(name, func(t *testing.T) {
			if slices.Contains(heavyModules, name) {
				t.Skipf("takes too long; to run it: go -C %s test ./...", name)
			}
			readAll(t, filepath.Join(root, name))
			testModule(t, root, name)
		})
	}
}

func TestHeavyModulesExist(t *testing.T) {
	modules := nestedModules(t, moduleRoot(t))
	if len(modules) == 0 {
		t.Skip("no nested modules: this is not the repository")
	}
	require.Subset(t, modules, heavyModules)
}

// timeToStop is how long before the limit of go test a nested run is stopped. It leaves
// time for the nested go command to stop, and for the tests that follow this one.
const timeToStop = time.Minute

// testModule runs the tests of one nested module.
func testModule(t *testing.T, root, name string) {
	t.Helper()
	ctx := t.Context()
	if limit, ok := t.Deadline(); ok {
		stopped, cancel := context.WithDeadline(ctx, limit.Add(-timeToStop))
		defer cancel()
		ctx = stopped
	}
	args := []string{"-C", name, "test", "-mod=readonly"}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./...")...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // go then removes its work folder
	cmd.WaitDelay = timeToStop / 2
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
	case ctx.Err() != nil:
		t.Skipf("no time left before the limit of go test; to run it: go -C %s test ./...", name)
	default:
		t.Errorf("%s: %v\n%s", cmd, err, out)
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

// nestedModules returns the folders under root that have a go.mod of their own, as
// slash-separated paths relative to root.
func nestedModules(t *testing.T, root string) []string {
	t.Helper()
	var modules []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && isIgnored(entry.Name()):
			return fs.SkipDir
		case entry.Name() == "go.mod" && path.Dir(name) != ".":
			modules = append(modules, path.Dir(name))
		}
		return nil
	})
	require.NoError(t, err)
	return modules
}

// isIgnored reports whether the go command ignores a folder of this name: by its own
// rules, or because a go.mod says so.
func isIgnored(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") ||
		name == "testdata" || name == "vendor" || name == nodeModules
}

const nodeModules = "node_modules"

// readAll opens every file of a nested module. go test shows a cached result unless a
// file has changed that the test opened, and it does not know which modules this test
// depends on.
func readAll(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err == nil && entry.IsDir() && entry.Name() == nodeModules:
			return fs.SkipDir // thousands of files, which package-lock.json determines
		case err != nil || !entry.Type().IsRegular():
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
