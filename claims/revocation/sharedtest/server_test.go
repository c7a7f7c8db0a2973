package sharedtest_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A server is a process of redis-server or valkey-server. Its files are in a temporary
// directory, and it uses no configuration of the machine.
type server struct {
	program, dir, address string
	args                  []string
	process               *exec.Cmd
}

// forgetful are the arguments of servers that keep nothing when they are killed.
var forgetful = []string{"--save", "", "--appendonly", "no"}

// startServer starts a server, which the end of the test kills.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{program: serverProgram(t), dir: t.TempDir(), address: freeAddress(t), args: args}
	t.Cleanup(func() { s.kill(t) })
	s.start(t)
	return s
}

func serverProgram(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	message := "no redis-server: apt-get install -y --no-install-recommends redis-server"
	if os.Getenv("CI") != "" {
		t.Fatal(message)
	}
	t.Skip(message)
	return ""
}

// freeAddress returns an address on loopback that no one listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// start starts the process, and waits until it answers.
func (s *server) start(t *testing.T) {
	t.Helper()
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(t, err)
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer log.Close()
	s.process = exec.Command(s.program, append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", s.dir}, s.args...)...)
	s.process.Stdout, s.process.Stderr = log, log
	require.NoError(t, s.process.Start())
	for limit := time.Now().Add(20 * time.Second); s.ping() != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("%s does not answer: %v\n%s", s.program, s.ping(), text)
		}
	}
}

// ping returns nil if the server serves commands. While it loads its file it does not.
func (s *server) ping() error {
	conn, err := net.DialTimeout("tcp", s.address, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprint(conn, "PING\r\n"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(answer, "+PONG") {
		err = fmt.Errorf("%q", answer)
	}
	return err
}

// kill ends the process, without time to write anything.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if s.process == nil || s.process.Process == nil {
		return
	}
	require.NoError(t, s.process.Process.Kill())
	_ = s.process.Wait() // killed
	s.process = nil
}

// hang stops the process, so that it accepts connections and does not answer. wake continues it.
func (s *server) hang(t *testing.T) {
	t.Helper()
	require.NoError(t, s.process.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	_, err := syscall.Wait4(s.process.Process.Pid, &status, syscall.WUNTRACED, nil) // until it is stopped
	require.NoError(t, err)
	require.True(t, status.Stopped())
}

func (s *server) wake(t *testing.T) {
	t.Helper()
	require.NoError(t, s.process.Process.Signal(syscall.SIGCONT))
}
