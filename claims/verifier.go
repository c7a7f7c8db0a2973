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

// Verify returns the claims of a valid access token. The token must be a JWS in compact
// serialization. Its iss must name a configured issuer, one of whose keys has signed it. It
// must be for one of that issuer's audiences, within its time and of the right type. If it
// is bound to a key, proofs must confirm it. The issuer's Validate hook must pass it. Verify
// does not check scopes: see [Claims.HasScope].
//
// Every error matches a [Reason] under [errors.Is], and [errors.As] finds it. The error text
// is for logs: it holds nothing of the token, but may hold a text of a hook or a key set.
// ErrUnavailable and ErrKeysUnavailable mean that the token could not be checked; the latter
// comes as an [*UnavailableError].
//
// Verify blocks only while the issuer's KeySet, a Proof or the Validate hook does, and no
// longer than ctx. A proof is asked only if the token's cnf has its member. A caller that
// requires a bound token must check [Claims.Confirmation] as well.
func (v *Verifier) Verify(ctx context.Context, token string, proofs ...Proof) (*Claims, error) {
	if len(token) > v.maxTokenBytes {
		return nil, refuse(ErrMalformed, "longer than Config.MaxTokenBytes")
	}
	parts, err := strict.Cut(token)
	if err != nil {
		return nil, refuse(ErrMalformed, err.Error())
	}
	now := v.now()
	t, known, err := v.recall(ctx, parts, now)
	if err != nil {
		return nil, err
	}
	if !known {
		if t, err = v.accept(ctx, parts, now); err != nil {
			return nil, err
		}
	}
	if err := t.claims.confirm(ctx, token, proofs); err != nil {
		return nil, err
	}
	if err := t.issuer.runValidate(ctx, t.claims); err != nil {
		return nil, err
	}
	if !known && v.cache != nil {
		v.cache.add(t, parts, now)
	}
	return t.claims, nil
}

// recall returns a token from the cache, and false if the token must be verified in full. It
// asks the key set like a first sight does. This starts a refresh that is due even if all
// requests are hits, and it refuses the tokens of a removed key.
func (v *Verifier) recall(ctx context.Context, parts strict.Compact, now time.Time) (token, bool, error) {
	if v.cache == nil {
		return token{}, false, nil
	}
	entry := v.cache.get(parts)
	if entry == nil {
		return token{}, false, nil
	}
	t := entry.token
	if err := t.issuer.checkTimes(t.claims, now); err != nil {
		v.cache.drop(entry)
		return token{}, false, err // without asking for keys, as at first sight
	}
	keys, err := t.issuer.candidates(ctx, t.header)
	if err != nil {
		return token{}, false, err
	}
	if !slices.Contains(keys, t.key) {
		v.cache.drop(entry)
		return token{}, false, nil
	}
	return t, true, nil
}

// accept verifies a token in the order of cost: its grammar, then its issuer's settings, and
// only then its signature.
func (v *Verifier) accept(ctx context.Context, parts strict.Compact, now time.Time) (token, error) {
	t, err := v.read(parts)
	if err != nil {
		return token{}, err
	}
	if t.issuer, err = v.issuerOf(t.claims); err != nil {
		return token{}, err
	}
	if err := t.issuer.check(t.header, t.claims, now); err != nil {
		return token{}, err
	}
	t.signingInput = []byte(parts.SigningInput)
	if t.key, err = t.verifySignature(ctx); err != nil {
		return token{}, err
	}
	t.signature = nil // it must not be kept
	t.header = v.headers.add(parts.Header, t.header)
	t.claims.resolveScopes(t.issuer.ScopeClaims)
	return t, nil
}

// read decodes and parses a token, at a cost that its length bounds. The result is not
// verified.
func (v *Verifier) read(parts strict.Compact) (token, error) {
	h, err := v.readHeader(parts.Header)
	if err != nil {
		return token{}, err
	}
	switch {
	case !slices.Contains(v.algorithms, h.alg): // no issuer accepts it: do not read further
		return token{}, refuse(ErrAlgorithm, "")
	case parts.Signature == "":
		return token{}, refuse(ErrMalformed, "empty signature")
	}
	// All grammar is checked before the issuer is known. Otherwise the order of the answers
	// would tell a stranger which issuers are trusted.
	signature, err := strict.AppendDecode(nil, parts.Signature)
	if err != nil {
		return token{}, malformed("signature", err)
	}
	payload, err := strict.Decode(parts.Payload)
	if err != nil {
		return token{}, malformed("payload", err)
	}
	c, err := parsePayload(payload)
	if err != nil {
		return token{}, err
	}
	return token{header: h, claims: c, signature: signature}, nil
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

// issuerOf returns the issuer that iss names. Everything before this call is the same for all
// issuers. Everything after it uses only this issuer's settings and keys (RFC 8725 section
// 3.8).
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
