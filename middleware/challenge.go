package middleware

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// defaultRetryAfter is what a 503 names if nobody knows when to try again.
const defaultRetryAfter = 5 * time.Second

// The descriptions are fixed texts of the characters that RFC 6750 section 3 allows
// (no quote, no backslash): nothing of the request can get into an answer.
const (
	invalidRequestText    = "The Authorization header does not hold exactly one bearer token"
	insufficientScopeText = "The request requires higher privileges than the access token provides"
	authenticationText    = "The request requires a stronger or more recent authentication of the user"
	unavailableText       = "The access token cannot be verified at the moment"
	// noTokenText is for the body alone: a challenge to a request without a token has no
	// error (RFC 6750 section 3.1).
	noTokenText = "The request has no bearer token in its Authorization header"

	// anyIssuerText stands for every reason that would tell a trusted issuer from an
	// unknown one.
	anyIssuerText = "The access token is not valid for this API"
)

var invalidTokenTexts = map[claims.Reason]string{
	claims.ErrMalformed:    "The access token is malformed",
	claims.ErrAlgorithm:    "The access token is signed with an algorithm that is not accepted",
	claims.ErrType:         "The token is not an access token of the expected type",
	claims.ErrIssuer:       "The access token is from another issuer",
	claims.ErrAudience:     "The access token is for another audience",
	claims.ErrExpired:      "The access token expired",
	claims.ErrNotYetValid:  "The access token is not valid yet",
	claims.ErrMissingClaim: "The access token lacks a required claim",
	claims.ErrConfirmation: "The access token is bound to a key that the request does not prove",
	claims.ErrUnknownKey:   "The access token is signed with an unknown key",
	claims.ErrSignature:    "The access token has an invalid signature",
	claims.ErrRevoked:      "The access token was revoked",
	claims.ErrRejected:     "The access token was rejected",
}

// revealsIssuer are the reasons that a forged token can only be refused for once its
// iss was found to be trusted, and the one for which it is not. With several issuers
// they share one description: otherwise a token that nobody signed, expired and with a
// guessed iss, would list a multi-tenant API's tenants.
var revealsIssuer = map[claims.Reason]bool{
	claims.ErrIssuer: true, claims.ErrAlgorithm: true, claims.ErrType: true,
	claims.ErrAudience: true, claims.ErrExpired: true, claims.ErrNotYetValid: true,
	claims.ErrMissingClaim: true, claims.ErrUnknownKey: true, claims.ErrSignature: true,
}

// A problem is the body of an answer (RFC 9457). about:blank says that the status means
// just what HTTP says it means.
type problem struct {
	Type             string `json:"type"`
	Title            string `json:"title"`
	Status           int    `json:"status"`
	Detail           string `json:"detail,omitempty"`
	Error            string `json:"error,omitempty"`
	ErrorDescription string `json:"error_description,omitempty"`
}

// A body is a problem as it is sent, with the value of Content-Length.
type body struct {
	text   []byte
	length string
}

// WriteError answers a request that is not let through: the status, the challenge (RFC
// 6750 section 3) or Retry-After, and a problem document (RFC 9457) as the body, none
// for HEAD. It replaces those header fields and leaves all others alone.
//
// err is an [*Error], or wraps one, or is an error of a [Verifier]. Any other error, nil
// included, refuses the token with a 401: there is no error for which WriteError lets
// a request pass. No text of err is sent.
//
// It only formats: it does not log and does not call Config.ErrorHandler.
func (m *Middleware) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	p := m.problem(e)
	b, known := m.bodies[p]
	if !known { // an Error that was made by hand
		b = p.body()
	}
	m.setHeader(w.Header(), e)
	setFields(w.Header(), "Content-Type", "application/problem+json",
		"Content-Length", b.length, "X-Content-Type-Options", "nosniff")
	w.WriteHeader(e.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.text) // the client is gone; there is nobody to tell
	}
}

// setHeader sets what every answer to e carries, whoever writes its body.
func (m *Middleware) setHeader(h http.Header, e *Error) {
	switch e.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		setFields(h, "Cache-Control", "no-store", "Www-Authenticate", m.challenge(e))
	case http.StatusServiceUnavailable:
		setFields(h, "Cache-Control", "no-store", "Retry-After", retryAfter(e.RetryAfter))
		// An outage says nothing about the token, so nothing may ask for another one.
		delete(h, "Www-Authenticate")
	default:
		setFields(h, "Cache-Control", "no-store")
	}
}

// setFields sets fields by their canonical names, each one followed by its value. The
// values are fresh: what a handler around this one does to them concerns no other
// request.
func setFields(h http.Header, namesAndValues ...string) {
	for i := 1; i < len(namesAndValues); i += 2 {
		h[namesAndValues[i-1]] = namesAndValues[i : i+1 : i+1]
	}
}

// knownBodies are the bodies of all answers that a Middleware gives by itself: a refusal
// should cost the attacker more than the server. They are written, never changed.
func (m *Middleware) knownBodies() map[problem]body {
	errs := []*Error{
		unauthenticated(),
		malformedRequest(),
		forbidden(nil),
		undecided(claims.ErrUnavailable, nil),
		{Status: http.StatusUnauthorized, Code: codeInsufficientAuthentication},
	}
	for reason := range invalidTokenTexts {
		errs = append(errs, invalidToken(reason, nil))
	}
	bodies := make(map[problem]body, len(errs))
	for _, e := range errs {
		p := m.problem(e)
		bodies[p] = p.body()
	}
	return bodies
}

func (p problem) body() body {
	text, _ := json.Marshal(p) // strings and a number: it cannot fail
	return body{text: text, length: strconv.Itoa(len(text))}
}

func (m *Middleware) problem(e *Error) problem {
	p := problem{Type: "about:blank", Title: http.StatusText(e.Status), Status: e.Status}
	if e.Status == http.StatusServiceUnavailable {
		p.Detail = unavailableText
		return p
	}
	p.Error = errorCode(e)
	p.ErrorDescription = m.description(e)
	if e.Status == http.StatusUnauthorized && p.Error == "" {
		p.Detail = noTokenText
	}
	return p
}

// challenge returns one challenge with each parameter at most once (RFC 6750 section 3;
// RFC 9728 section 5.1 for resource_metadata).
func (m *Middleware) challenge(e *Error) string {
	var b strings.Builder
	b.Grow(256)
	b.WriteString(m.challengeStart)
	if code := errorCode(e); code != "" {
		writeParameter(&b, "error", code)
	}
	if text := m.description(e); text != "" {
		writeParameter(&b, "error_description", text)
	}
	if e.Code == codeInsufficientAuthentication {
		writeAuthentication(&b, e)
	}
	if scope := listValue(e.Scopes); scope != "" {
		writeParameter(&b, "scope", scope)
	}
	b.WriteString(m.challengeEnd)
	return b.String()
}

// writeAuthentication appends what RFC 9470 section 3 defines for its error code, as its
// examples spell it. An age is rounded down: a client that meets it meets the demand.
func writeAuthentication(b *strings.Builder, e *Error) {
	if values := listValue(e.ACRValues); values != "" {
		writeParameter(b, "acr_values", values)
	}
	if e.MaxAge > 0 {
		writeParameter(b, "max_age", strconv.FormatInt(int64(e.MaxAge/time.Second), 10))
	}
}

// writeParameter appends a parameter after another one. The value needs no escapes.
func writeParameter(b *strings.Builder, name, value string) {
	b.WriteString(", ")
	b.WriteString(name)
	b.WriteString(`="`)
	b.WriteString(value)
	b.WriteByte('"')
}

// errorCode returns e's code if it is made of the characters that a code may have. An
// Error can be made by hand, and a quote in it would open another parameter.
func errorCode(e *Error) string {
	if !isScopeToken(e.Code) {
		return ""
	}
	return e.Code
}

func (m *Middleware) description(e *Error) string {
	switch e.Code {
	case codeInvalidRequest:
		return invalidRequestText
	case codeInsufficientScope:
		return insufficientScopeText
	case codeInsufficientAuthentication:
		return authenticationText
	case codeInvalidToken:
		if m.hidesIssuers && revealsIssuer[e.Reason] {
			return anyIssuerText
		}
		return invalidTokenTexts[e.Reason]
	}
	return ""
}

// listValue joins scopes as RFC 6749 section 3.3 has it, and acr values alike. Guards
// hold none that does not fit its grammar; an Error that was made by hand may.
func listValue(values []string) string {
	for _, value := range values {
		if !isScopeToken(value) {
			return ""
		}
	}
	return strings.Join(values, " ")
}

// retryAfter returns d in whole seconds, rounded up, so that nobody comes too early
// (RFC 9110 section 10.2.3).
func retryAfter(d time.Duration) string {
	if d <= 0 {
		d = defaultRetryAfter
	}
	seconds := d / time.Second
	if d%time.Second > 0 {
		seconds++
	}
	return strconv.FormatInt(int64(seconds), 10)
}

// quoted returns s as a quoted-string (RFC 9110 section 5.6.4).
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
