//go:build unix

package interop_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nodeServer returns a function that runs a server of node/. The server reads its settings
// from standard input, and ends when that is closed.
func nodeServer(script string) func(*testing.T) server {
	return func(t *testing.T) server {
		t.Helper()
		requireNode(t)
		s := &nodeProcess{issuers: make(chan string)}
		s.process = launch(t, nodeEnvironment(), func(cmd *exec.Cmd) {
			cmd.Dir = "node"
			stdin, err := cmd.StdinPipe()
			require.NoError(t, err)
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			s.stdin = json.NewEncoder(stdin)
			s.stdout = json.NewDecoder(stdout)
		}, "node", script)
		go s.listen() // until the process ends
		return s
	}
}

// nodeEnvironment returns an environment in which node can be found. It leaves out the
// machine's other settings for Node.js.
func nodeEnvironment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "NODE_ENV=production", "NODE_NO_WARNINGS=1"}
}

type nodeProcess struct {
	*process
	stdin   *json.Encoder
	stdout  *json.Decoder
	issuers chan string  // one for each line of settings
	access  lockedBuffer // complete up to the latest value of issuers
}

func (s *nodeProcess) listen() {
	defer close(s.issuers)
	for {
		var message struct {
			Answered string `json:"answered"`
			Issuer   string `json:"issuer"`
		}
		if s.stdout.Decode(&message) != nil {
			return
		}
		if message.Issuer == "" {
			fmt.Fprintln(&s.access, message.Answered)
			continue
		}
		select {
		case s.issuers <- message.Issuer:
		case <-s.ended:
		}
	}
}

func (s *nodeProcess) apply(t *testing.T, settings settings) string {
	t.Helper()
	require.NoError(t, s.stdin.Encode(settings))
	select {
	case issuer, ok := <-s.issuers:
		require.True(t, ok, "the server ended")
		return issuer
	case <-time.After(patience):
		require.Fail(t, "the server does not answer")
		return ""
	}
}

func (s *nodeProcess) hang()   { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *nodeProcess) resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

func (s *nodeProcess) accessLog() string { return s.access.String() }

// requireNode skips the test if Node.js or a package is missing. In CI the test fails
// instead.
func requireNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "Node.js is not installed: install 20.19 or later and npm, then run")
	}
	var wanted, lock struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	readJSONFile(t, "node/package.json", &wanted)
	// go test runs these tests again after a change to a file that they opened.
	readJSONFile(t, "node/package-lock.json", &lock)
	scripts, err := filepath.Glob("node/*.mjs")
	require.NoError(t, err)
	for _, script := range scripts {
		_, err := os.ReadFile(script)
		require.NoError(t, err)
	}
	for name, version := range wanted.Dependencies {
		if got := installed(t, name); got != version {
			missing(t, name+" "+version+" is not installed: run")
		}
	}
}

func missing(t *testing.T, problem string) {
	t.Helper()
	const command = " npm ci --prefix examples/interop/node, from the root of the repository"
	if os.Getenv("CI") != "" {
		t.Fatal(problem + command)
	}
	t.Skip(problem + command)
}

// installed returns the installed version of a package, or "".
func installed(t *testing.T, name string) string {
	t.Helper()
	var manifest struct {
		Version string `json:"version"`
	}
	file := filepath.Join("node", "node_modules", name, "package.json")
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	readJSONFile(t, file, &manifest)
	return manifest.Version
}

func readJSONFile(t *testing.T, name string, into any) {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	readJSON(t, f, into)
}

func readJSON(t *testing.T, r io.Reader, into any) {
	t.Helper()
	require.NoError(t, json.NewDecoder(io.LimitReader(r, 1<<20)).Decode(into))
}
