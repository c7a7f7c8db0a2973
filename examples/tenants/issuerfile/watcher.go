package issuerfile

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

const (
	defaultEvery = 10 * time.Second
	minEvery     = 100 * time.Millisecond
)

// A Config says which file is followed. Path and Replace are required.
type Config struct {
	_ [0]func() // written with field names

	// Path is the file. It can be a link, also one through the directory ..data of a volume that
	// Kubernetes has made from a ConfigMap.
	Path string

	// Replace trusts these issuers in place of those before. If something is wrong with them, it
	// returns that, and changes nothing. Use Replace of middleware.Middleware.
	Replace func(issuers []claims.Issuer) error

	// Every is how often the file is looked at. It defaults to 10 seconds, and is at least 0.1
	// seconds. An issuer that was removed from the file is trusted for so long at most.
	Every time.Duration

	// Logger gets a line for each change of the file: a warning if it is refused. It defaults to
	// slog.Default().
	Logger *slog.Logger
}

// A Watcher keeps the trusted issuers equal to those in a file. [New] makes it. It is safe for
// concurrent use.
type Watcher struct {
	path    string
	every   time.Duration
	replace func(issuers []claims.Issuer) error
	logger  *slog.Logger

	looking sync.Mutex // one look at a time; guards loaded and seen
	loaded  content    // that is in force
	seen    content    // of the latest look

	mu     sync.Mutex // guards status; not held while the file is read, which a volume can make hang
	status Status
}

// New reads the file and calls Replace. An error reports all mistakes in config, or all mistakes
// in the file, so that a program does not start with a file that it would refuse later.
func New(config Config) (*Watcher, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	w := &Watcher{path: config.Path, every: config.Every, replace: config.Replace, logger: config.Logger}
	if w.every == 0 {
		w.every = defaultEvery
	}
	if w.logger == nil {
		w.logger = slog.Default()
	}
	now := look(w.path)
	issuers, err := w.load(now)
	if err != nil {
		return nil, err
	}
	w.accept(now, len(issuers))
	return w, nil
}

func (c *Config) check() error {
	var problems []error
	report := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf("issuerfile: invalid Config."+format, args...))
		}
	}
	report(c.Path == "", "Path: it is required")
	report(c.Replace == nil, "Replace: it is required")
	report(c.Every != 0 && c.Every < minEvery, "Every %v: it is less than %v", c.Every, minEvery)
	return errors.Join(problems...)
}

// Run looks at the file again and again until ctx is done, and returns the error of ctx. It uses
// one goroutine, the caller's.
func (w *Watcher) Run(ctx context.Context) error {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			w.poll(false)
		}
	}
}

// Reload looks at the file at once, also at one that is refused and has not changed. It is for a
// signal.
func (w *Watcher) Reload() {
	w.poll(w.Status().Problem != nil)
}

// poll looks at the file, and acts if it has changed since the latest look, or if again is true.
func (w *Watcher) poll(again bool) {
	w.looking.Lock()
	defer w.looking.Unlock()
	now := look(w.path)
	if now.isSame(w.seen) && !again {
		return
	}
	if now.isSame(w.loaded) { // a bad change was taken back
		w.seen = now
		w.change(func(s *Status) { s.Problem = nil })
		w.logger.Info("issuerfile: the file has the issuers in force again", "path", w.path)
		return
	}
	issuers, err := w.load(now)
	if err != nil {
		w.refuse(now, err)
		return
	}
	w.accept(now, len(issuers))
	w.logger.Info("issuerfile: the issuers were replaced", "path", w.path, "issuers", len(issuers))
}

func (w *Watcher) load(c content) ([]claims.Issuer, error) {
	if c.err != nil {
		return nil, c.err
	}
	issuers, err := Parse(c.document)
	if err != nil {
		return nil, err
	}
	return issuers, w.replace(issuers)
}

func (w *Watcher) accept(c content, issuers int) {
	c.document = nil // the sum is enough
	w.loaded, w.seen = c, c
	w.change(func(s *Status) {
		s.Issuers, s.LoadedAt, s.Problem = issuers, time.Now(), nil
		s.Loaded++
	})
}

// refuse keeps the issuers in force.
func (w *Watcher) refuse(c content, problem error) {
	c.document = nil
	w.seen = c
	w.change(func(s *Status) {
		s.Problem = problem
		s.Refused++
	})
	w.logger.Warn("issuerfile: the file is refused, and the issuers before stay in force",
		"path", w.path, "in_force_since", w.Status().LoadedAt, "error", problem)
}

func (w *Watcher) change(change func(s *Status)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.status)
}

// A Status describes a [Watcher] at one moment. The counts are those since [New].
type Status struct {
	_ [0]func() // written with field names

	// Issuers are in force since LoadedAt.
	Issuers  int
	LoadedAt time.Time

	// Problem is what is wrong with the file as it is now, or nil if its issuers are in force.
	Problem error

	// Loaded and Refused count the changes of the file by their result. New counts as the first one.
	Loaded, Refused uint64
}

// Status describes the Watcher. It neither looks at the file nor waits for a look that is under way.
func (w *Watcher) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// Reloads tells a part of Status in the form that ShowReloads of package metrics takes.
func (w *Watcher) Reloads() (loaded, refused uint64, loadedAt time.Time, problem error) {
	s := w.Status()
	return s.Loaded, s.Refused, s.LoadedAt, s.Problem
}

// A content is what the file has at one moment, or why it cannot be read.
type content struct {
	document []byte
	sum      [sha256.Size]byte
	err      error
}

// look reads the whole file each time. Its size and the time of its change are not enough: a
// change within the resolution of the file system's clock would be missed.
func look(path string) content {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() { // a pipe could block for ever
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return content{err: fmt.Errorf("issuerfile: %w", err)}
	}
	file, err := os.Open(path)
	if err != nil {
		return content{err: fmt.Errorf("issuerfile: %w", err)}
	}
	defer file.Close()
	document, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return content{err: fmt.Errorf("issuerfile: %w", err)}
	}
	return content{document: document, sum: sha256.Sum256(document)}
}

func (c content) isSame(other content) bool {
	if c.err != nil || other.err != nil {
		return c.err != nil && other.err != nil && c.err.Error() == other.err.Error()
	}
	return c.sum == other.sum
}
