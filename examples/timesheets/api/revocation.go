package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/middleware"
)

const maxRevocationBytes = 4 << 10

// revoke cuts off tokens in all processes with the same REDIS_URL. Its body names what: a token by
// its jti, a session by its sid, a user by its sub, a client by its identifier, or all tokens of
// the issuer:
//
//	{"kind": "subject", "id": "alice"}
//
// What cannot be read is a 400. What the list cannot take is a 503: the caller must try again.
func revoke(list *revocation.List, issuer claims.Issuer, auth *middleware.Middleware) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entry, err := readEntry(r.Body)
		if err != nil {
			http.Error(w, "want an object with kind and id, and expires_at for a token", http.StatusBadRequest)
			return
		}
		entry.Issuer = issuer.URL
		if entry.Kind != revocation.Token && issuer.MaxLifetime == 0 {
			http.Error(w, "only a token can be cut off without MAX_LIFETIME", http.StatusBadRequest)
			return
		}
		switch err := list.Add(r.Context(), entry); {
		case errors.Is(err, claims.ErrUnavailable):
			auth.WriteError(w, r, claims.ErrUnavailable)
		case err != nil:
			http.Error(w, "the entry cannot be on a list: id has at most 1024 bytes", http.StatusBadRequest)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
}

var kinds = map[string]revocation.Kind{
	"token": revocation.Token, "session": revocation.Session, "subject": revocation.Subject,
	"client": revocation.Client, "issuer": revocation.Issuer,
}

func readEntry(body io.Reader) (revocation.Entry, error) {
	var request struct {
		Kind      string `json:"kind"`
		ID        string `json:"id"`
		ExpiresAt int64  `json:"expires_at"` // of a token: its exp
	}
	decoder := json.NewDecoder(io.LimitReader(body, maxRevocationBytes))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return revocation.Entry{}, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return revocation.Entry{}, errors.New("more than one value")
	}
	kind, known := kinds[request.Kind]
	switch {
	case !known:
		return revocation.Entry{}, errors.New("unknown kind")
	case (kind == revocation.Issuer) != (request.ID == ""):
		return revocation.Entry{}, errors.New("an id is missing, or has no meaning")
	case kind == revocation.Token && request.ExpiresAt <= 0:
		return revocation.Entry{}, errors.New("no expires_at")
	}
	entry := revocation.Entry{Kind: kind, ID: request.ID}
	if kind == revocation.Token {
		entry.ExpiresAt = time.Unix(request.ExpiresAt, 0)
	}
	return entry, nil
}
