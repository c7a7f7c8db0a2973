// Package timesheets has the handlers of a Timesheets API. Each caller sees only its own entries.
//
// The command api serves it for a real issuer, and the command observability puts it under load.
package timesheets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

const (
	maxBody    = 64 << 10 // bytes
	maxEntries = 10_000   // of all callers together
)

// An entry is the work of one person on one day.
type entry struct {
	ID      int     `json:"id"`
	Date    string  `json:"date"`
	Project string  `json:"project,omitempty"`
	Hours   float64 `json:"hours"`
	Note    string  `json:"note,omitempty"`

	owner principal // never read from a body
}

// A principal is the user or client of a token. A subject is unique only within its issuer:
// the alice of a second issuer must not read the entries of the first one's.
type principal struct{ issuer, subject string }

// New returns the API. GET /timesheets requires the scope read:timesheets, and POST /timesheets
// requires write:timesheets. GET /healthz and GET /readyz require no token. Each of needs is
// something that requests need beside keys: it returns an error while they cannot have it.
func New(auth *middleware.Middleware, needs ...func(context.Context) error) http.Handler {
	s := new(store)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("GET /readyz", readiness(auth, needs))
	mux.Handle("GET /timesheets", auth.RequireScopes("read:timesheets")(http.HandlerFunc(s.list)))
	mux.Handle("POST /timesheets", auth.RequireScopes("write:timesheets")(http.HandlerFunc(s.create)))
	return mux
}

// healthy answers 200 while the process serves, with or without keys, because a restart
// would not help to get them.
func healthy(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readiness answers 200 while tokens of known keys can be verified, and there is what requests
// need. A load balancer then sends no requests to a process that has no keys yet.
func readiness(auth *middleware.Middleware, needs []func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := auth.Ready(r.Context())
		for _, need := range needs {
			if err == nil {
				err = need(r.Context())
			}
		}
		if err == nil {
			answer(w, http.StatusOK, map[string]string{"status": "ok"})
			return
		}
		reason := claims.ErrUnavailable
		errors.As(err, &reason)
		w.Header().Set("Retry-After", strconv.Itoa(int(auth.Answer(err).RetryAfter.Seconds())))
		answer(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": string(reason)})
	}
}

// A store keeps the latest maxEntries entries in memory.
type store struct {
	mu      sync.Mutex // guards what follows
	entries []entry
	lastID  int
}

// list answers with the entries of the caller.
func (s *store) list(w http.ResponseWriter, r *http.Request) {
	caller := callerOf(r)
	answer(w, http.StatusOK, map[string]any{"sub": caller.subject, "timesheets": s.of(caller)})
}

// create adds an entry for the caller.
func (s *store) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("an entry has at most %d bytes", maxBody))
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "the body could not be read")
		return
	}
	e := entry{Date: time.Now().UTC().Format(time.DateOnly)}
	if json.Unmarshal(body, &e) != nil {
		refuse(w, http.StatusBadRequest, "the body is not a timesheet entry in JSON")
		return
	}
	if problem := e.problem(); problem != "" {
		refuse(w, http.StatusUnprocessableEntity, problem)
		return
	}
	e.owner = callerOf(r)
	answer(w, http.StatusCreated, s.add(e))
}

func (e entry) problem() string {
	if _, err := time.Parse(time.DateOnly, e.Date); err != nil {
		return "date is not of the form 2006-01-02"
	}
	if e.Hours < 0 || e.Hours > 24 {
		return "hours is not between 0 and 24"
	}
	return ""
}

// callerOf returns the principal of the token. Every request here has verified claims. A
// token without sub has the subject "", which has no entries.
func callerOf(r *http.Request) principal {
	c, _ := claims.FromContext(r.Context())
	return principal{c.Issuer(), c.Subject()}
}

func (s *store) add(e entry) entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	e.ID = s.lastID
	if len(s.entries) == maxEntries {
		s.entries = slices.Delete(s.entries, 0, 1)
	}
	s.entries = append(s.entries, e)
	return e
}

func (s *store) of(owner principal) []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []entry{} // not null in JSON
	for _, e := range s.entries {
		if owner.subject != "" && e.owner == owner {
			found = append(found, e)
		}
	}
	return found
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only if the caller has gone
}

// refuse answers with a problem document (RFC 9457), as the middleware does.
func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"title": http.StatusText(status), "status": status, "detail": detail,
	})
}
