// Package load asks an HTTP server on loopback for one thing, over and over, on a number
// of connections, and counts the answers. It costs less than net/http's client, which
// would hide most of what the servers do; and it stops by itself.
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// MaxDuration is the longest Duration.
const MaxDuration = time.Minute

// A Load is what to ask of which server.
type Load struct {
	// Address is the host and port of a server on loopback.
	Address string
	// Authorization returns the values of that field that a connection's requests carry in
	// turn; connections count from 0. A nil func is for requests without the field.
	Authorization func(connection int) []string
	// Connections are kept open; each has one request under way. At most 256.
	Connections int
	// Duration is for how long new requests are made. At most MaxDuration.
	Duration time.Duration
}

// Run makes the requests and returns how many were answered per second. Any answer but
// 200 is an error, and ends it.
func (l Load) Run(ctx context.Context) (perSecond float64, err error) {
	if err := l.check(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var answered atomic.Int64
	var wait sync.WaitGroup
	began := time.Now()
	deadline := began.Add(l.Duration)
	for connection := range l.Connections {
		requests := l.requests(connection)
		wait.Go(func() {
			n, err := l.ask(ctx, requests, deadline)
			answered.Add(n)
			if err != nil {
				cancel(err)
			}
		})
	}
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	return float64(answered.Load()) / time.Since(began).Seconds(), nil
}

func (l Load) check() error {
	host, _, err := net.SplitHostPort(l.Address)
	switch {
	case err != nil:
		return fmt.Errorf("load: address %q: %w", l.Address, err)
	case !net.ParseIP(host).IsLoopback():
		return fmt.Errorf("load: address %q is not on loopback", l.Address)
	case l.Connections < 1 || l.Connections > 256:
		return fmt.Errorf("load: %d connections", l.Connections)
	case l.Duration <= 0 || l.Duration > MaxDuration:
		return fmt.Errorf("load: a duration of %v", l.Duration)
	}
	return nil
}

// ask makes the requests in turn on one connection, until the deadline or until ctx ends.
func (l Load) ask(ctx context.Context, requests [][]byte, deadline time.Time) (answered int64, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", l.Address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.SetDeadline(deadline.Add(5 * time.Second)); err != nil {
		return 0, err
	}
	reader := bufio.NewReader(conn)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		if _, err := conn.Write(requests[int(answered)%len(requests)]); err != nil {
			return answered, err
		}
		if err := readAnswer(reader); err != nil {
			return answered, err
		}
		answered++
	}
	return answered, nil
}

func (l Load) requests(connection int) [][]byte {
	start := "GET /timesheets HTTP/1.1\r\nHost: " + l.Address + "\r\n"
	if l.Authorization == nil {
		return [][]byte{[]byte(start + "\r\n")}
	}
	var requests [][]byte
	for _, value := range l.Authorization(connection) {
		requests = append(requests, []byte(start+"Authorization: "+value+"\r\n\r\n"))
	}
	return requests
}

var errAnswer = errors.New("load: not an answer with a Content-Length")

// readAnswer reads one answer and allocates nothing.
func readAnswer(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("load: answered %.40q", line)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return errAnswer
			}
		}
	}
	if length < 0 {
		return errAnswer
	}
	n, err := r.Discard(length)
	if err == nil && n < length {
		err = io.ErrUnexpectedEOF
	}
	return err
}
