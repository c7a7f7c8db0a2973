package middleware

import (
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// defaultRetryAfter is for a 503 whose cause names no time.
const defaultRetryAfter = 5 * time.Second

// Descriptions are fixed texts, so nothing of a request can get into an answer. They
// consist of the characters that RFC 6750 section 3 allows: no quote, no backslash.
const (
	unavailableText = "The access token cannot be verified at the moment"

	// noTokenText is only for the body: a challenge to a request without a token has no
	// error information (RFC 6750 section 3.1).
	noTokenText = "The request has no bearer token in its Authorization header"

	// anyIssuerText replaces the texts of all reasons in revealsIssuer.
	anyIssuerText = "The access token is not valid for this API"
)

var codeTexts = map[string]string{
	codeInvalidRequest:             "The Authorization header does not hold exactly one bearer token",
	codeInsufficientScope:          "The request requires higher privileges than the access token provides",
	codeInvalidProof:               "The DPoP proof is missing, or is not valid for this request",
	codeUseNonce:                   "The DPoP proof must have the nonce that comes with this answer",
	codeInsufficientAuthentication: "The request requires a stronger or more recent authentication of the user",
}

var invalidTokenTexts = map[claims.Reason]string{
	claims.ErrMalformed:    "The access token is malformed",
	claims.ErrAlgorithm:    "The access token is signed with an algorithm that is not accepted",
	claims.ErrType:         "The token is not an access token of the expected type",
	claims.ErrIssuer:       "The access token is from another issuer",
	claims.ErrAudience:     "The access token is for another audience",
	claims.ErrExpired:      "The access token expired",
	claims.ErrNotYetValid:  "The access token is not valid yet",
	claims.ErrMissingClaim: "The access token lacks a required claim or value",
	claims.ErrConfirmation: "The access token is bound to a key that the request does not prove",
	claims.ErrUnknownKey:   "The access token is signed with an unknown key",
	claims.ErrUnusableKey:  "The access token is signed with a key that this API cannot use",
	claims.ErrSignature:    "The access token has an invalid signature",
	claims.ErrRevoked:      "The access token was revoked",
	claims.ErrRejected:     "The access token was rejected",
}

// revealsIssuer has the reasons that tell whether the iss of an unsigned token is trusted.
// A token that was made up, expired and with a guessed iss, would otherwise find the
// tenants of an API with several issuers.
var revealsIssuer = map[claims.Reason]bool{
	claims.ErrIssuer: true, claims.ErrAlgorithm: true, claims.ErrType: true,
	claims.ErrAudience: true, claims.ErrExpired: true, claims.ErrNotYetValid: true,
	claims.ErrMissingClaim: true, claims.ErrUnknownKey: true, claims.ErrUnusableKey: true,
	claims.ErrSignature: true,
}

// An Answer is what a refusal tells the caller, for any transport. [Middleware.Answer]
// returns it; [Middleware.WriteError] writes it for HTTP.
//
//	Status, Code                            when
//	401                                     no bearer token: ErrNoToken
//	400 invalid_request                     two Authorization fields, or a malformed one
//	401 invalid_token                       token malformed, expired, forged, for others, …
//	401 invalid_dpop_proof, use_dpop_nonce  the DPoP proof, with Config.DPoP
//	401 insufficient_user_authentication    authentication of the user too weak or too old
//	403 insufficient_scope                  scopes, or another policy
//	503                                     keys, a hook or a policy unavailable
//
// The first row that applies is the answer. An outage is never reported as a bad token: a
// client that reads invalid_token throws a good token away, and asks a struggling issuer
// for a new one.
//
// Nothing in an Answer comes from the request, from a hook's error or from an issuer. With
// several issuers, or with a Config.Verifier, all reasons that would tell a trusted issuer
// from an unknown one have the same Description. [Error.Reason] has the reason.
type Answer struct {
	_ [0]func() // written with field names

	// Status is the HTTP status.
	Status int

	// Code is the OAuth error code (RFC 6750 section 3.1, RFC 9470 section 3), or "".
	Code string

	// Description is a fixed English text for people. For an Error that was made by hand
	// with another code, it is the text of the status.
	Description string

	// Challenges are the values of the WWW-Authenticate fields, one for each scheme
	// (RFC 9110 section 11.6.1). A 503 has none. Each names the realm, and the Code with
	// its Description if there is a Code. It names the scopes that the route needs for a
	// 401, and for a 403 if scopes decided; the acr_values and max_age of RFC 9470 for
	// insufficient_user_authentication; and resource_metadata with Config.Resource.
	Challenges []string

	// DPoPNonce is the value of the DPoP-Nonce field (RFC 9449 section 9), or "".
	DPoPNonce string

	// TokenField is the header field from which tokens are read: Authorization, or
	// Config.TokenField. It is the same for every err, and not for callers. An adapter adds it to
	// the Vary field of optional routes, as Middleware.Optional does.
	TokenField string

	// RetryAfter is how long the caller should wait after a 503, in whole seconds. It is
	// 0 for any other status.
	RetryAfter time.Duration
}

// A problem is the body of an answer over HTTP (RFC 9457). The type about:blank says that
// the status means what HTTP says.
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

// Answer returns what the refusal for err tells the caller. It is for adapters to
// transports other than HTTP.
//
// err is an [*Error], or wraps one, or is an error of a [Verifier]. Any other error, and
// nil, is a 401 invalid_token: no error has an Answer that lets a request through.
func (m *Middleware) Answer(err error) Answer {
	e := asError(err)
	text := m.forTokenField(e.description(m.hidesIssuers.Load()))
	a := Answer{Status: e.Status, Description: cmp.Or(text, http.StatusText(e.Status)), TokenField: m.credentialField()}
	if e.Status == http.StatusServiceUnavailable {
		a.RetryAfter = retryAfter(e.RetryAfter)
		return a
	}
	a.Code = errorCode(e)
	switch e.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		a.Challenges = m.challenges(e, text)
		a.DPoPNonce = e.DPoPNonce
	}
	return a
}

// WriteError writes the [Answer] for err over HTTP. It has the status, the challenge (RFC
// 6750 section 3) or Retry-After, and a problem document (RFC 9457), which HEAD does not
// get. WriteError replaces those header fields, and keeps all others. The challenge is that of
// the scheme which r came with, Bearer or DPoP (RFC 9449 section 7.1).
//
// WriteError does not log and does not call Config.ErrorHandler. [Middleware.Refuse] does
// both.
func (m *Middleware) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	a := m.Answer(m.forRequest(r, asError(err)))
	p := a.problem()
	b, known := m.bodies[p]
	if !known { // an Error that was made by hand
		b = p.body()
	}
	a.setHeader(w.Header(), "Content-Type", "application/problem+json",
		"Content-Length", b.length, "X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.text) // fails if the client is gone: there is nothing left to do
	}
}

// setHeader sets the fields that every answer has, and more fields: names and values in
// turn.
func (a *Answer) setHeader(h http.Header, more ...string) {
	setFields(h, slices.Concat([]string{"Cache-Control", "no-store"}, more)...)
	switch {
	case a.Challenges != nil:
		h["Www-Authenticate"] = a.Challenges
		if a.DPoPNonce != "" {
			setFields(h, "Dpop-Nonce", a.DPoPNonce)
		}
	case a.Status == http.StatusServiceUnavailable:
		setFields(h, "Retry-After", strconv.FormatInt(int64(math.Ceil(a.RetryAfter.Seconds())), 10))
		// An outage says nothing about the token, so nothing may ask for another one.
		delete(h, "Www-Authenticate")
	}
}

// setFields sets fields by their canonical names, each name followed by its value. The
// values are new slices, so a handler around this one can change them.
func setFields(h http.Header, namesAndValues ...string) {
	for i := 1; i < len(namesAndValues); i += 2 {
		h[namesAndValues[i-1]] = namesAndValues[i : i+1 : i+1]
	}
}

// knownBodies returns the bodies of all answers to Errors that this package makes. They
// are made once, so that a refusal costs the server less than it costs an attacker.
func knownBodies() map[problem]body {
	errs := []*Error{
		unauthenticated(),
		malformedRequest(),
		forbidden(nil),
		unavailable(claims.ErrUnavailable, nil),
		{Status: http.StatusUnauthorized, Code: codeInsufficientAuthentication},
		{Status: http.StatusUnauthorized, Code: codeInvalidProof},
		{Status: http.StatusUnauthorized, Code: codeUseNonce},
	}
	for reason := range invalidTokenTexts {
		errs = append(errs, invalidToken(reason, nil))
	}
	bodies := make(map[problem]body, len(errs)+1)
	for _, e := range errs {
		for _, hidesIssuers := range []bool{false, true} {
			a := Answer{Status: e.Status, Code: errorCode(e), Description: e.description(hidesIssuers)}
			p := a.problem()
			bodies[p] = p.body()
		}
	}
	return bodies
}

func (p problem) body() body {
	text, _ := json.Marshal(p) // strings and a number: it cannot fail
	return body{text: text, length: strconv.Itoa(len(text))}
}

// problem returns the body of the answer. A Description that only repeats the status is
// left out.
func (a *Answer) problem() problem {
	p := problem{Type: "about:blank", Title: http.StatusText(a.Status), Status: a.Status, Error: a.Code}
	switch {
	case a.Description == p.Title:
	case a.Code != "":
		p.ErrorDescription = a.Description
	default:
		p.Detail = a.Description
	}
	return p
}

// description returns the text for e, or "" if e was made by hand with another code.
func (e *Error) description(hidesIssuers bool) string {
	switch {
	case e.Status == http.StatusServiceUnavailable:
		return unavailableText
	case e.lacksToken():
		return noTokenText
	case e.Code == codeInvalidToken && hidesIssuers && revealsIssuer[e.Reason]:
		return anyIssuerText
	case e.Code == codeInvalidToken:
		return invalidTokenTexts[e.Reason]
	}
	return codeTexts[e.Code]
}

// retryAfter returns d in whole seconds, rounded up, so that no client comes too early
// (RFC 9110 section 10.2.3).
func retryAfter(d time.Duration) time.Duration {
	switch whole := d.Truncate(time.Second); {
	case d <= 0:
		return defaultRetryAfter
	case d == whole, d > math.MaxInt64-time.Second: // 292 years
		return d
	default:
		return whole + time.Second
	}
}
