//go:build unix

package interop_test

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// patience bounds every wait for something that normally takes moments. It is no claim about
	// speed: eight servers start at once.
	patience = 2 * time.Minute

	// maxLog bounds the log that is kept of each process, in bytes.
	maxLog = 1 << 20
)

// A process is a child process of the test. It ends when the test ends, or before.
type process struct {
	cmd   *exec.Cmd
	log   *lockedBuffer
	ended chan struct{}
}

// launch starts a process with exactly this environment. It kills the process 10 s before
// the time limit of the test binary, which would otherwise leave the process running.
func launch(t *testing.T, env []string, prepare func(*exec.Cmd), name string, args ...string) *process {
	t.Helper()
	deadline, ok := t.Deadline()
	if !ok {
		deadline = time.Now().Add(5 * time.Minute)
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline.Add(-10*time.Second))
	t.Cleanup(cancel)

	p := &process{cmd: exec.CommandContext(ctx, name, args...), log: new(lockedBuffer), ended: make(chan struct{})}
	p.cmd.Env = env
	p.cmd.Stderr = p.log
	p.cmd.WaitDelay = time.Second
	if prepare != nil {
		prepare(p.cmd)
	}
	require.NoError(t, p.cmd.Start())
	go func() { // until the process ends, or the context
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() { p.kill() })
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, p.log)
		}
	})
	return p
}

// kill ends the process at once, as a crash does, and waits until it has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// terminate asks the process to end and returns its exit code. The code is -1 if the
// process did not end, and was killed.
func (p *process) terminate() int {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

// A lockedBuffer is a log that can be read while it is written. It keeps the first maxLog
// bytes.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

var _ io.Writer = (*lockedBuffer)(nil)

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buffer.Write(p[:min(len(p), maxLog-b.buffer.Len())])
	return len(p), nil
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// eventually calls condition every few milliseconds until it reports true.
func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	ticker := time.NewTicker(25 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(patience); !condition(); <-ticker.C {
		require.True(t, time.Now().Before(end), what)
	}
}
