package claims

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/internal/strict"
)

const defaultMaxTokenBytes = 16 << 10

// A Config says what a [Verifier] accepts.
type Config struct {
	// Issuers are the trusted issuers, at least one, each with a URL of its own.
	Issuers []Issuer

	// MaxTokenBytes is the length of the longest token that is read. It defaults
	// to 16 KiB and is at most 1 MiB.
	MaxTokenBytes int

	// CacheEntries bounds the verified tokens that are remembered, so that a token that
	// comes again costs a comparison instead of a signature check. It defaults to 10,000
	// and is at most 2^30; a negative value switches the cache off. Memory is bounded by
	// 4 KiB an entry, and is 2 to 2.5 KiB for an ordinary token; it grows with the tokens
	// that are alive, and those that have expired make room. What is kept of a token are
	// its header, its claims and the SHA-256 of its signature, which is no credential.
	//
	// A remembered token is refused like any other once it has expired, its key is gone
	// or its issuer's keys are exhausted, and is confirmed and passed to Validate each
	// time.
	CacheEntries int

	// Now is the clock that exp and nbf are compared with. It defaults to time.Now.
	Now func() time.Time
}

// A Verifier decides whether a token is an access token of one of its issuers for this
// API. It is safe for concurrent use and has nothing to close.
type Verifier struct {
	issuers       map[string]*Issuer
	algorithms    []string // that at least one issuer accepts
	maxTokenBytes int
	now           func() time.Time
	headers       headerMemo
	cache         *tokenCache // nil if switched off
}

// NewVerifier returns a Verifier, or every mistake in the Config at once. It makes no
// request and starts no goroutine.
func NewVerifier(config Config) (*Verifier, error) {
	v := &Verifier{maxTokenBytes: config.MaxTokenBytes, now: config.Now}
	errs := v.addIssuers(config.Issuers)
	if v.maxTokenBytes == 0 {
		v.maxTokenBytes = defaultMaxTokenBytes
	}
	if v.maxTokenBytes < 0 || v.maxTokenBytes > 1<<20 {
		errs = append(errs, fmt.Errorf("claims: invalid Config.MaxTokenBytes %d: not between 0 and 1 MiB", v.maxTokenBytes))
	}
	if v.now == nil {
		v.now = time.Now
	}
	if config.CacheEntries > maxCacheEntries {
		errs = append(errs, fmt.Errorf("claims: invalid Config.CacheEntries %d: more than 2^30", config.CacheEntries))
	} else if config.CacheEntries >= 0 {
		v.cache = newTokenCache(cmp.Or(config.CacheEntries, defaultCacheEntries))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return v, nil
}

// addIssuers completes and checks the issuers, and reports every mistake.
func (v *Verifier) addIssuers(issuers []Issuer) (errs []error) {
	if len(issuers) == 0 {
		errs = append(errs, errors.New("claims: invalid Config.Issuers: at least one is required"))
	}
	v.issuers = make(map[string]*Issuer, len(issuers))
	for _, issuer := range issuers {
		complete, err := issuer.withDefaults()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if v.issuers[issuer.URL] != nil {
			errs = append(errs, fmt.Errorf("claims: invalid Config.Issuers: %q stands twice", issuer.URL))
		}
		v.issuers[issuer.URL] = complete
		for _, alg := range complete.Algorithms {
			if !slices.Contains(v.algorithms, alg) {
				v.algorithms = append(v.algorithms, alg)
			}
		}
	}
	return errs
}

// Verify returns the claims of token if it is a JWS in compact serialization, signed by
// a key of the configured issuer that it names, for one of that issuer's audiences,
// within its time, of the right type, confirmed by proofs if it is bound to a key, and
// passed by the issuer's Validate hook. It does not judge scopes: see
// [Claims.HasScope].
//
// Every error matches a [Reason] under [errors.Is], and [errors.As] finds it. Its text
// is for logs: it holds nothing of the token, but may hold a hook's or a key source's
// words. ErrUnavailable and ErrKeysUnavailable mean that no decision could be made; the
// latter comes as an [*UnavailableError].
//
// It blocks only while the issuer's KeySet, a Proof or the Validate hook does, and no
// longer than ctx. A proof is asked only if the token's cnf has its member: whoever
// demands that a token is bound looks at [Claims.Confirmation] as well.
func (v *Verifier) Verify(ctx context.Context, token string, proofs ...Proof) (*Claims, error) {
	if len(token) > v.maxTokenBytes {
		return nil, refuse(ErrMalformed, "longer than Config.MaxTokenBytes")
	}
	parts, err := strict.Cut(token)
	if err != nil {
		return nil, refuse(ErrMalformed, err.Error())
	}
	now := v.now()
	accepted, err := v.recall(ctx, parts, now)
	if err != nil {
		return nil, err
	}
	known := accepted != nil
	if !known {
		if accepted, err = v.accept(ctx, parts, now); err != nil {
			return nil, err
		}
	}
	if err := accepted.claims.confirm(ctx, token, proofs); err != nil {
		return nil, err
	}
	if err := accepted.issuer.runValidate(ctx, accepted.claims); err != nil {
		return nil, err
	}
	if !known && v.cache != nil {
		v.cache.add(accepted, parts, now)
	}
	return accepted.claims, nil
}

// recall returns what the cache knows of a token, or nil if the token has to be verified
// in full. It asks the key set as a first sight would: this is what starts a due refresh
// where all requests are hits, and what refuses tokens of a removed key.
func (v *Verifier) recall(ctx context.Context, parts strict.Compact, now time.Time) (*acceptedToken, error) {
	if v.cache == nil {
		return nil, nil
	}
	known := v.cache.get(parts)
	if known == nil {
		return nil, nil
	}
	if err := known.issuer.checkTimes(known.claims, now); err != nil {
		v.cache.drop(known)
		return nil, err // and no look-up, as at first sight
	}
	keys, err := known.issuer.candidates(ctx, known.header)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(keys, known.key) {
		v.cache.drop(known)
		return nil, nil
	}
	return known, nil
}

// accept judges a token in the order of cost: what it says of itself, what its issuer's
// policy says of that, and only then its signature.
func (v *Verifier) accept(ctx context.Context, parts strict.Compact, now time.Time) (*acceptedToken, error) {
	t, err := v.read(parts)
	if err != nil {
		return nil, err
	}
	if t.issuer, err = v.issuerOf(t.claims); err != nil {
		return nil, err
	}
	if err := t.issuer.admit(t.header, t.claims, now); err != nil {
		return nil, err
	}
	t.signingInput = []byte(parts.SigningInput)
	if t.key, err = t.verifySignature(ctx); err != nil {
		return nil, err
	}
	t.signature = nil // of no more use, and not to be kept
	t.header = v.headers.add(parts.Header, t.header)
	t.claims.resolveScopes(t.issuer.ScopeClaims)
	return t, nil
}

// read takes the token apart, at a cost that its length bounds. Nothing of the result is
// to be believed yet.
func (v *Verifier) read(parts strict.Compact) (*acceptedToken, error) {
	h, err := v.readHeader(parts.Header)
	if err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(v.algorithms, h.alg): // refused whichever issuer it names, so unread
		return nil, refuse(ErrAlgorithm, "")
	case parts.Signature == "":
		return nil, refuse(ErrMalformed, "empty signature")
	}
	// Judged before the issuer is known, like all grammar: an answer that came after
	// would tell which issuers are trusted.
	signature, err := strict.AppendDecode(nil, parts.Signature)
	if err != nil {
		return nil, malformed("signature", err)
	}
	payload, err := strict.Decode(parts.Payload)
	if err != nil {
		return nil, malformed("payload", err)
	}
	c, err := parse(payload)
	if err != nil {
		return nil, err
	}
	return &acceptedToken{header: h, claims: c, signature: signature}, nil
}

func (v *Verifier) readHeader(segment string) (header, error) {
	if h, ok := v.headers.get(segment); ok {
		return h, nil
	}
	document, err := strict.Decode(segment)
	if err != nil {
		return header{}, malformed("header", err)
	}
	return parseHeader(document)
}

// issuerOf returns the policy that the token has to meet. Before this, nothing that
// differs between issuers has been judged, and from here on nothing but this issuer's
// own policy and keys decide (RFC 8725 section 3.8).
func (v *Verifier) issuerOf(c *Claims) (*Issuer, error) {
	issuer, ok := v.issuers[c.issuer]
	switch {
	case c.issuer == "":
		return nil, refuse(ErrMissingClaim, "iss")
	case !ok:
		return nil, refuse(ErrIssuer, "")
	}
	return issuer, nil
}

// maxCandidates bounds the signature checks that one token can cause.
const maxCandidates = 4

// verifySignature returns the key that made the signature over the exact bytes received
// (RFC 7515 section 5.2).
func (a *acceptedToken) verifySignature(ctx context.Context) (Key, error) {
	keys, err := a.issuer.candidates(ctx, a.header)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key != nil && key.Verify(a.signingInput, a.signature) == nil {
			return key, nil
		}
	}
	return nil, refuse(ErrSignature, "")
}

// candidates asks the key set, and holds it to its contract: whatever it answers, the
// result is one to four keys or an error with a Reason.
func (i *Issuer) candidates(ctx context.Context, h header) ([]Key, error) {
	keys, err := i.Keys.Keys(ctx, h.alg, h.kid)
	switch {
	case err != nil:
		return nil, keySetError(err)
	case len(keys) == 0:
		return nil, refuse(ErrUnknownKey, "")
	case len(keys) > maxCandidates:
		return nil, refuse(ErrUnknownKey, "ambiguous: more than four keys fit")
	}
	return keys, nil
}

// keySetError takes an error that is not one of the two agreed ones for an outage: a
// key set that fails in its own way says nothing about the token.
func keySetError(err error) error {
	var unavailable *UnavailableError
	switch {
	case errors.As(err, &unavailable):
		return err
	case errors.Is(err, ErrUnknownKey):
		return &refusal{reason: ErrUnknownKey, err: err}
	}
	return &UnavailableError{Err: err}
}
