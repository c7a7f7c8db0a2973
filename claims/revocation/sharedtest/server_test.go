package sharedtest_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	process               *exec.Cmd // nil if none runs
	ended                 chan struct{}
}

// patience bounds each wait. It is no claim about speed.
const patience = 2 * time.Minute

// forgetful are the arguments of servers that keep nothing when they are killed.
var forgetful = []string{"--save", "", "--appendonly", "no"}

// startServer starts a server, which the end of the test kills.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{program: serverProgram(t), dir: t.TempDir(), args: args}
	t.Cleanup(func() { s.kill(t) })
	for range 10 { // another process can take the port before the server does
		s.address = freeAddress(t)
		if s.launch(t) {
			return s
		}
	}
	t.Fatalf("%s does not start:\n%s", s.program, s.log())
	return nil
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

// start starts the process again, at its address. Another process can have the port for a moment,
// such as a client that connects to it: its own port can be the same one.
func (s *server) start(t *testing.T) {
	t.Helper()
	for limit := time.Now().Add(patience); !s.launch(t); {
		require.True(t, time.Now().Before(limit), "%s does not start again:\n%s", s.program, s.log())
	}
}

func (s *server) logFile() string { return filepath.Join(s.dir, "log") }

func (s *server) log() string {
	text, _ := os.ReadFile(s.logFile())
	return string(text)
}

// launch starts the process, and waits until it answers. It reports false if the process has ended
// before, as it does if it cannot listen.
func (s *server) launch(t *testing.T) bool {
	t.Helper()
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(t, err)
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer log.Close()
	process, ended := exec.Command(s.program, append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", s.dir}, s.args...)...), make(chan struct{})
	process.Stdout, process.Stderr = log, log
	require.NoError(t, process.Start())
	s.process, s.ended = process, ended
	go func() { // ends with the process
		_ = process.Wait()
		close(ended)
	}()
	for limit := time.Now().Add(patience); !s.answers(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-ended:
			s.process = nil
			return false
		default:
		}
		require.True(t, time.Now().Before(limit), "%s does not answer:\n%s", s.program, s.log())
	}
	return true
}

// answers reports whether the process serves commands, and not another one at its address. While
// it loads its file it does not.
func (s *server) answers() bool {
	conn, err := net.DialTimeout("tcp", s.address, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprint(conn, "PING\r\nINFO server\r\n"); err != nil {
		return false
	}
	lines := bufio.NewScanner(conn)
	if !lines.Scan() || lines.Text() != "+PONG" {
		return false
	}
	for lines.Scan() {
		if id, found := strings.CutPrefix(lines.Text(), "process_id:"); found {
			return id == strconv.Itoa(s.process.Process.Pid)
		}
	}
	return false
}

// kill ends the process, without time to write anything.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if s.process == nil {
		return
	}
	require.NoError(t, s.process.Process.Kill())
	<-s.ended
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
