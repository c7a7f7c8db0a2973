package revocation

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/internal/logout"
)

// maxFormBytes bounds the body of a logout request: a token in percent-encoding, and what the
// provider adds.
const maxFormBytes = 4 * logout.MaxBytes

// A logoutHandler carries out back-channel logout requests.
type logoutHandler struct {
	list     *List
	verifier logout.Verifier
	seen     seenTokens

	allSessions map[string]bool // by the URL of the issuer
}

// errNotForm is for a request whose body is no form with one logout token.
var errNotForm = errors.New("it is not a form with one logout_token")

// ServeHTTP answers as section 2.8 of OpenID Connect Back-Channel Logout 1.0 says. That is 200, or
// 400 for every failure, also for one that is no fault of the provider.
func (h *logoutHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	// The provider may give up and close the connection, but the user has logged out.
	err := h.logout(context.WithoutCancel(r.Context()), r)
	if err == nil {
		h.list.logouts.Add(1)
		w.WriteHeader(http.StatusOK)
		return
	}
	h.list.logoutsRefused.Add(1)
	answer := `{"error":"invalid_request","error_description":"The logout token is not valid"}`
	if isRefusal(err) {
		h.list.log(slog.LevelDebug, "a logout request was refused", slog.Any("error", err))
	} else {
		answer = `{"error":"temporarily_unavailable","error_description":"The logout could not be carried out everywhere"}`
		h.list.log(slog.LevelWarn, "a logout could not be carried out everywhere", slog.Any("error", err))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, answer)
}

// An incomplete logout is one of a good token.
type incomplete struct{ error }

func (i incomplete) Unwrap() error { return i.error }

func isRefusal(err error) bool {
	_, notCarriedOut := errors.AsType[incomplete](err)
	return !notCarriedOut && !errors.Is(err, claims.ErrKeysUnavailable)
}

func (h *logoutHandler) logout(ctx context.Context, r *http.Request) error {
	text, err := logoutTokenOf(r)
	if err != nil {
		return err
	}
	token, err := h.verifier.Verify(ctx, text, time.Now())
	if err != nil {
		return err
	}
	id := h.list.seeds.key(tokenKind, token.Issuer, token.ID)
	if err := h.seen.add(id, token.Until); err != nil {
		return err
	}
	// The time is that of the issuer's clock, which also writes iat, so no skew is added.
	if err := h.list.add(ctx, 0, h.entriesOf(token)...); err != nil {
		h.seen.remove(id) // it can be sent again
		return incomplete{err}
	}
	return nil
}

// entriesOf returns the session that a token names, or else all that its subject has (section
// 2.7), or both.
func (h *logoutHandler) entriesOf(token logout.Token) (entries []Entry) {
	if token.SessionID != "" {
		entries = append(entries, Entry{Kind: Session, Issuer: token.Issuer, ID: token.SessionID})
	}
	if token.Subject != "" && (token.SessionID == "" || h.allSessions[token.Issuer]) {
		entries = append(entries, Entry{Kind: Subject, Issuer: token.Issuer, ID: token.Subject, NotBefore: token.IssuedAt})
	}
	return entries
}

// logoutTokenOf returns the logout token of a request (section 2.5). Other parameters are
// ignored.
func logoutTokenOf(r *http.Request) (string, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return "", errNotForm
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFormBytes+1))
	if err != nil || len(body) > maxFormBytes {
		return "", errNotForm
	}
	form, err := url.ParseQuery(string(body))
	if tokens := form["logout_token"]; err == nil && len(tokens) == 1 {
		return tokens[0], nil
	}
	return "", errNotForm
}
