package dpop

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/strict"
)

// maxProofBytes is the length of the longest proof that is read, unless an algorithm needs more.
// A proof by RSA with 4096 bits has about 2.5 kB.
const maxProofBytes = 4096

// maxBytesOf returns the length of the longest proof by one of these algorithms. With ML-DSA, key
// and signature alone take 5.7, 8.0 and 10.9 kB.
func maxBytesOf(algorithms []string) int {
	longest := maxProofBytes
	for _, alg := range algorithms {
		switch alg {
		case "ML-DSA-44":
			longest = max(longest, 8<<10)
		case "ML-DSA-65":
			longest = max(longest, 10<<10)
		case "ML-DSA-87":
			longest = max(longest, 12<<10)
		}
	}
	return longest
}

// A Proof is the DPoP proof of one request. It implements [claims.Proof].
type Proof struct {
	checker *Checker
	request Request
	aging   atomic.Bool // confirmed, with the nonce before the newest one
}

var _ claims.Proof = (*Proof)(nil)

// Member returns "jkt" (RFC 9449 section 6.1).
func (p *Proof) Member() string { return "jkt" }

// Confirm returns nil if there is exactly one proof, and it is valid and was not used before. It
// must be for this token, this request and this time, by the key that the token is bound to. value
// is the token's jkt, as JSON text.
//
// The error is an [*Error]. It matches [claims.ErrUnavailable] if the ReplayStore could not
// answer. Confirm waits only for the ReplayStore.
//
// A proof is used up once Confirm has returned nil: a second call finds a replay.
func (p *Proof) Confirm(ctx context.Context, token string, value []byte) error {
	if e := p.confirm(ctx, token, value); e != nil {
		return e // a nil *Error is not a nil error
	}
	return nil
}

// Nonce returns the value of the DPoP-Nonce field for the answer, or "" if it needs none. It
// replaces the client's nonce. It is set after Confirm has accepted a
// nonce that will be refused soon. An answer with it must not be cached (RFC 9449 section 8.2).
func (p *Proof) Nonce() string {
	if !p.aging.Load() {
		return ""
	}
	return p.checker.nonces.at(p.checker.now()).newest
}

// Format prints a fixed text for every verb, because p holds the proof.
func (p *Proof) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "dpop.Proof") }

// confirm makes the checks in the order of their cost. The store is last, so that a forged
// proof neither uses up a jti nor fills the memory.
func (p *Proof) confirm(ctx context.Context, token string, value []byte) *Error {
	c, now := p.checker, p.checker.now()
	parts, e := p.only()
	if e != nil {
		return e
	}
	jkt, _ := strict.Unquote(string(value)) // "", if it is no string, is the thumbprint of no key
	h, e := c.header(parts.Header, jkt)
	if e != nil {
		return e
	}
	if subtle.ConstantTimeCompare([]byte(h.jkt), []byte(jkt)) != 1 {
		return &Error{Code: codeInvalidToken, Reason: claims.ErrConfirmation, detail: "the proof's key is not the token's"}
	}
	content, e := readPayload(parts.Payload)
	if e != nil {
		return e
	}
	if e := p.matches(content, token); e != nil {
		return e
	}
	until, aging, e := c.checkTime(content, now)
	if e != nil {
		return e
	}
	if e := h.verify(parts); e != nil {
		return e
	}
	c.headers.add(parts.Header, h)
	if e := c.use(ctx, h, content.jti.value, until); e != nil {
		return e
	}
	p.aging.Store(aging)
	return nil
}

// only returns the segments of the request's only proof (RFC 9449 section 4.3, checks 1 and 2).
func (p *Proof) only() (strict.Compact, *Error) {
	switch fields := p.request.Fields; {
	case len(fields) == 0:
		return strict.Compact{}, invalidProof("the request has no DPoP field")
	case len(fields) > 1:
		return strict.Compact{}, invalidProof("the request has several DPoP fields")
	case len(fields[0]) > p.checker.maxBytes:
		return strict.Compact{}, invalidProof("the proof is too long")
	case strings.Contains(fields[0], ","):
		return strict.Compact{}, invalidProof("the DPoP field is a list")
	}
	parts, err := strict.Cut(p.request.Fields[0])
	if err != nil {
		return strict.Compact{}, invalidProof(err.Error())
	}
	return parts, nil
}

// matches compares a proof with the request and its token.
func (p *Proof) matches(content payload, token string) *Error {
	if content.htm.value != p.request.Method { // methods have a case (RFC 9110 section 9.1)
		return invalidProof("htm is not the method of the request")
	}
	if problem := p.checker.compareURI(content.htu.value, p.request.Target); problem != "" {
		return invalidProof(problem)
	}
	var buffer [1 << 10]byte
	hash := sha256.Sum256(append(buffer[:0], token...))
	ath := base64.RawURLEncoding.AppendEncode(buffer[:0], hash[:])
	if subtle.ConstantTimeCompare(ath, []byte(content.ath.value)) != 1 {
		return invalidProof("ath is not the hash of the token")
	}
	return nil
}

// checkTime checks the nonce, or the iat without one. It returns when no server accepts the
// proof any more, and whether its nonce is the older one.
func (c *Checker) checkTime(content payload, now time.Time) (until time.Time, aging bool, e *Error) {
	if c.nonces != nil && content.nonce.present {
		// The iat must not rescue a proof whose nonce is dead: one with an iat in the future
		// could be used twice.
		return c.checkNonce(content.nonce.value, now)
	}
	switch age := now.Sub(content.iat); {
	case c.nonces != nil && c.nonces.always:
		c.nonces.missing.Add(1)
		return until, false, c.useNonce("the proof has no nonce", now)
	case age <= c.maxAge && age >= -c.maxAhead:
		return content.iat.Add(c.maxAge + c.maxAhead), false, nil
	case c.nonces != nil:
		c.nonces.missing.Add(1)
		return until, false, c.useNonce("iat is too far from the time, and there is no nonce", now)
	case age > 0:
		return until, false, invalidProof("iat is too long ago")
	}
	return until, false, invalidProof("iat is in the future")
}

func (c *Checker) checkNonce(nonce string, now time.Time) (until time.Time, aging bool, e *Error) {
	current := c.nonces.at(now)
	step, ok := current.find(nonce)
	if !ok {
		c.nonces.dead.Add(1)
		return until, false, c.useNonce("the nonce is not a live one", now)
	}
	c.nonces.live.Add(1)
	return endOf(step).Add(c.maxAhead), step < current.step, nil
}

func (c *Checker) useNonce(detail string, now time.Time) *Error {
	return &Error{Code: codeUseNonce, Reason: ErrNonce, Nonce: c.nonces.at(now).newest, detail: detail}
}

// use asks the store, under an id that belongs to the key: one client cannot use up the jti of
// another.
func (c *Checker) use(ctx context.Context, h *header, jti string, until time.Time) *Error {
	var buffer [sha256.Size + maxIDBytes]byte
	id := sha256.Sum256(append(append(buffer[:0], h.thumbprint[:]...), jti...))
	switch fresh, err := c.replays.Use(ctx, h.thumbprint, id, until); {
	case err != nil:
		return &Error{Reason: claims.ErrUnavailable, RetryAfter: retryAfter(err), Err: err, detail: "the proof could not be checked for a replay"}
	case !fresh:
		return &Error{Code: codeInvalidProof, Reason: ErrReplay, detail: "the proof was used before"}
	}
	return nil
}

// retryAfter returns when to retry after an error of the store, or 0.
func retryAfter(err error) time.Duration {
	if unavailable, ok := errors.AsType[*claims.UnavailableError](err); ok {
		return unavailable.RetryAfter
	}
	return 0
}
