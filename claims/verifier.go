package claims

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/internal/strict"
)

const defaultMaxTokenBytes = 16 << 10

// A Config says what a [Verifier] accepts.
type Config struct {
	_ [0]func() // written with field names

	// Issuers are the trusted issuers: at least one, each with a different URL.
	Issuers []Issuer

	// MaxTokenBytes is the maximum length of a token. It defaults to 16 KiB and is at
	// most 1 MiB.
	MaxTokenBytes int

	// CacheEntries is the maximum number of verified tokens that are cached. A cached
	// token costs a comparison instead of a signature check. CacheEntries defaults to
	// 10,000 and is at most 2^30; a negative value disables the cache. The cache takes at
	// most 4 KiB of memory for each of these entries. An ordinary token takes 2 to 2.5
	// KiB. The cache grows with the number of unexpired tokens; expired ones make room. It
	// keeps a token's header, its claims and the SHA-256 of its signature, which together
	// are not a credential.
	//
	// A cached token is still refused when it has expired, when its key is gone or when
	// its issuer's keys are no longer available. Proofs and the Validate hook check it on
	// every request.
	CacheEntries int

	// Now is the clock that exp and nbf are compared with. It defaults to time.Now.
	Now func() time.Time
}

// A Verifier decides whether a token is an access token of one of its issuers for this
// API. It is safe for concurrent use and has nothing to close.
type Verifier struct {
	issuers       map[string]*Issuer
	urls          []string        // of issuers, in the order of the Config
	trimmed       map[string]bool // urls without the slash at their end
	algorithms    []string        // that at least one issuer accepts
	maxTokenBytes int
	now           func() time.Time
	headers       headerMemo
	cache         *tokenCache // nil if switched off
}

// NewVerifier returns a Verifier, or an error that reports all mistakes in config. It
// makes no request and starts no goroutine.
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

// addIssuers adds the issuers with their defaults filled in, and returns all mistakes.
func (v *Verifier) addIssuers(issuers []Issuer) (errs []error) {
	if len(issuers) == 0 {
		errs = append(errs, errors.New("claims: invalid Config.Issuers: at least one is required"))
	}
	v.issuers = make(map[string]*Issuer, len(issuers))
	v.trimmed = make(map[string]bool, len(issuers))
	for _, issuer := range issuers {
		complete, err := issuer.withDefaults()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if v.issuers[issuer.URL] != nil {
			errs = append(errs, fmt.Errorf("claims: invalid Config.Issuers: %q is a duplicate", issuer.URL))
		}
		v.issuers[issuer.URL] = complete
		v.urls = append(v.urls, issuer.URL)
		v.trimmed[strings.TrimSuffix(issuer.URL, "/")] = true
		for _, alg := range complete.Algorithms {
			if !slices.Contains(v.algorithms, alg) {
				v.algorithms = append(v.algorithms, alg)
			}
		}
	}
	return errs
}

// Verify returns the claims of a valid access token. The token must be a JWS in compact
// serialization. Its iss must name a configured issuer, and one of that issuer's keys must
// have signed it. It must be for one of the issuer's audiences, not expired or too early, and
// of the right type. If it is bound to a key, proofs must confirm it. The issuer's Validate
// hook must accept it. Verify does not check scopes: see [Claims.HasScope].
//
// Every error matches a [Reason] under [errors.Is], and [errors.As] finds it. The error text
// is for logs: it holds no bytes of the token, but may hold a text of a hook or a key set.
// [ErrUnavailable] and [ErrKeysUnavailable] mean that the token could not be checked. For
// ErrKeysUnavailable, errors.As finds an [*UnavailableError] as well.
//
// Verify blocks only while the issuer's KeySet, a Proof or the Validate hook does, and no
// longer than ctx. A proof is used only if the token's cnf has its member. A caller that
// requires a bound token must check [Claims.Confirmation] as well.
func (v *Verifier) Verify(ctx context.Context, token string, proofs ...Proof) (*Claims, error) {
	if v.isTooLong(token) {
		return nil, refuse(ErrMalformed, tooLong)
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
		return nil, t.issuer.attribute(err)
	}
	if err := t.issuer.runValidate(ctx, t.claims); err != nil {
		return nil, t.issuer.attribute(err)
	}
	if !known && v.cache != nil {
		v.cache.add(t, parts, now)
	}
	return t.claims, nil
}

const tooLong = "longer than Config.MaxTokenBytes"

func (v *Verifier) isTooLong(token string) bool { return len(token) > v.maxTokenBytes }

// recall returns a token from the cache, and false if the token must be verified in full.
// Like accept, it asks the key set for the keys. A refresh that is due therefore starts even
// if all requests are hits, and the tokens of a removed key are refused.
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
		return token{}, false, t.issuer.attribute(err) // without asking for keys, like accept
	}
	keys, err := t.issuer.candidates(ctx, t.header)
	if err != nil {
		return token{}, false, t.issuer.attribute(err)
	}
	if !slices.Contains(keys, t.key) {
		v.cache.drop(entry)
		v.cache.keysGone.Add(1)
		return token{}, false, nil
	}
	return t, true, nil
}

// accept verifies a token that the cache does not have.
func (v *Verifier) accept(ctx context.Context, parts strict.Compact, now time.Time) (token, error) {
	a := attempt{parts: parts, now: now}
	for c := range numChecks {
		if err := v.check(ctx, &a, c); err != nil {
			return token{}, a.attribute(err)
		}
	}
	a.header = v.headers.add(parts.Header, a.header)
	a.claims.resolveScopes(a.issuer.ScopeClaims, a.issuer.AllowedScopes)
	return a.token, nil
}

// openHeader returns the header if it is one that has been verified before, and otherwise its
// document.
func (v *Verifier) openHeader(segment string) (h header, document string, err error) {
	if h, ok := v.headers.get(segment); ok {
		return h, "", nil
	}
	document, err = decode("header", segment)
	return header{}, document, err
}

// checkAlgorithm refuses an alg that no issuer accepts. Its token is not read any further.
func (v *Verifier) checkAlgorithm(h header) error {
	switch {
	case strings.EqualFold(h.alg, "none"):
		return refuse(ErrAlgorithm, "the token is not signed")
	case !slices.Contains(v.algorithms, h.alg):
		return refuse(ErrAlgorithm, "")
	}
	return nil
}

func decodeSignature(segment string) ([]byte, error) {
	if segment == "" {
		return nil, refuse(ErrMalformed, "empty signature")
	}
	signature, err := strict.AppendDecode(nil, segment)
	if err != nil {
		return nil, malformed("signature", err)
	}
	return signature, nil
}

func decode(part, segment string) (string, error) {
	document, err := strict.Decode(segment)
	if err != nil {
		return "", malformed(part, err)
	}
	return document, nil
}

// issuerOf returns the issuer that iss names.
func (v *Verifier) issuerOf(c *Claims) (*Issuer, error) {
	issuer, ok := v.issuers[c.issuer]
	switch {
	case c.issuer == "":
		return nil, refuse(ErrMissingClaim, "iss")
	case !ok && v.trimmed[strings.TrimSuffix(c.issuer, "/")]:
		return nil, refuse(ErrIssuer, "iss differs from a configured issuer in the slash at its end")
	case !ok:
		return nil, refuse(ErrIssuer, "")
	}
	return issuer, nil
}
