package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const defaultAddr = "127.0.0.1:0"

// serve shows the page until ctx is done.
func serve(ctx context.Context, s *settings, f explainFunc, out io.Writer) error {
	listener, err := listen(s.addr)
	if err != nil {
		return err
	}
	host := listener.Addr().String()
	p := newPage(host, "/"+rand.Text()+"/", s, f)
	server := newServer(p)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }() // ends with Shutdown
	fmt.Fprintf(out, "Open this page in a browser on this machine. Ctrl-C ends it.\n\n    http://%s%s\n\n", host, p.path)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		return server.Close() // a person who presses Ctrl-C does not wait for a browser
	}
	return nil
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10*time.Second + explainTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // its lines can have bytes of a request
	}
}

// listen listens on a loopback address. A name such as localhost could mean any address, and
// is refused.
func listen(addr string) (net.Listener, error) {
	if addr == "" {
		addr = defaultAddr
	}
	at, err := netip.ParseAddrPort(addr)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, errors.New("-addr must be a loopback address and a port, such as 127.0.0.1:8080 or [::1]:8080")
	}
	return net.Listen("tcp", at.String())
}
