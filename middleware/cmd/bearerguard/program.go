package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// The exit codes. The README says why there are these four.
const (
	exitNoneFails = 0
	exitRefused   = 1
	exitWrongUse  = 2
	exitUndecided = 3
)

// explainTimeout bounds an explanation. The key cache waits for an issuer for a few seconds.
const explainTimeout = 20 * time.Second

// A program is the command with its streams.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	prompt         bool // a person types the token
	colour         bool
	newExplainer   func(s *settings) (explainFunc, error)
}

// run returns the exit code.
func (p program) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(p.stderr, usage)
		return exitWrongUse
	}
	switch args[0] {
	case "explain":
		return p.explain(ctx, args[1:])
	case "help", "-h", "-help", "--help":
		fmt.Fprint(p.stdout, usage)
		return exitNoneFails
	}
	return p.wrongUse(errors.New("the first argument must be explain"))
}

func (p program) wrongUse(err error) int {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(p.stderr, "bearerguard: %s\n", printable(strings.TrimSuffix(line, "\n")))
	}
	return exitWrongUse
}

func (p program) explain(ctx context.Context, args []string) int {
	s, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(p.stdout, usage)
		return exitNoneFails
	case err != nil:
		return p.wrongUse(err)
	case s.serve:
		return p.serve(ctx, s)
	}
	return p.explainOnce(ctx, s)
}

// explainOnce reads the token even if no issuer is set, to show which one it names.
func (p program) explainOnce(ctx context.Context, s *settings) int {
	if err := s.mistakes(); err != nil && !errors.Is(err, errNoIssuer) {
		return p.wrongUse(err)
	}
	token, err := p.token(s.file)
	if err != nil {
		return p.wrongUse(err)
	}
	if err := s.mistakes(); err != nil {
		return p.wrongUse(withIssuerOf(token, err))
	}
	f, err := p.newExplainer(s)
	if err != nil {
		return p.wrongUse(err)
	}
	e := f.explain(ctx, token, s.options(s.scopes), s.personal)
	write := writeText(p.colour)
	if s.json {
		write = writeJSON
	}
	if err := write(p.stdout, e); err != nil {
		return p.wrongUse(err)
	}
	return e.verdict.exitCode
}

// token reads the token from a file, or from standard input if file is "".
func (p program) token(file string) (string, error) {
	if file != "" {
		return readTokenFile(file)
	}
	if p.prompt {
		fmt.Fprintln(p.stderr, "Paste the token, then press Enter and Ctrl-D (on Windows: Ctrl-Z and Enter).")
	}
	return readToken(p.stdin)
}

func (p program) serve(ctx context.Context, s *settings) int {
	if err := s.mistakes(); err != nil {
		return p.wrongUse(err)
	}
	f, err := p.newExplainer(s)
	if err != nil {
		return p.wrongUse(err)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, s, f, p.stdout); err != nil {
		return p.wrongUse(err)
	}
	return exitNoneFails
}
