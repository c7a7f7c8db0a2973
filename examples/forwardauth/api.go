package main

import (
	"encoding/json"
	"net/http"
)

// newAPI returns the API behind the gateway. It believes the fields of the gateway, and so must be
// reached by the gateway only.
func newAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		subject, ok := subjectOf(r)
		if !ok {
			subject = "stranger"
		}
		answer(w, http.StatusOK, body{"hello": subject})
	})
	mux.HandleFunc("GET /timesheets", known(http.StatusOK))
	mux.HandleFunc("GET /timesheets/{id}", known(http.StatusOK))
	mux.HandleFunc("POST /timesheets", known(http.StatusCreated))
	return mux
}

// known answers only callers that the gateway has named. The table of the auth server demands a
// token for these routes, so without a name the gateway does not copy the fields.
func known(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		subject, ok := subjectOf(r)
		if !ok {
			http.Error(w, "the gateway has not said who calls", http.StatusInternalServerError)
			return
		}
		answer(w, status, body{"sub": subject, "scopes": r.Header.Get("X-Auth-Scopes"), "timesheet": r.PathValue("id")})
	}
}

// subjectOf returns who calls. There is exactly one field: the gateway replaces those of clients.
func subjectOf(r *http.Request) (string, bool) {
	values := r.Header.Values("X-Auth-Subject")
	if len(values) != 1 || values[0] == "" {
		return "", false
	}
	return values[0], true
}

type body map[string]any

func answer(w http.ResponseWriter, status int, b body) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(b) // fails only if the caller has gone
}
