package claims

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/internal/strict"
)

const defaultMaxTokenBytes = 16 << 10

// A Config says what a [Verifier] accepts.
type Config struct {
	_ [0]func() // written with field names

	// Issuers are the trusted issuers: at least one, each with a different URL. See also
	// Verifier.Replace.
	Issuers []Issuer

	// Resolve, if set, finds the issuer of a token whose iss is none of Issuers, such as that of a
	// tenant. Most programs use the Resolver of package claims/tenants, which bounds what
	// strangers can cause. Issuers can then be empty.
	//
	// Resolve returns a Verifier that has an issuer of this URL: only the settings of that
	// issuer are used. Tokens are remembered while it is the same issuer, so Resolve should
	// return the same Verifier as long as the settings are the same. An error that matches
	// ErrIssuer refuses the token. Any other one makes the answer a 503. Its RetryAfter is
	// that of an *UnavailableError.
	//
	// iss is of a token that is not verified yet: a stranger can write anything into it, up to
	// the length of a token. Resolve is called for tokens whose header and claims can be read,
	// for remembered ones too, on the goroutine of the request. It must be safe for concurrent
	// use. Resolve is never called for opaque tokens, which have no iss: only the Opaque of
	// Issuers is.
	Resolve func(ctx context.Context, iss string) (*Verifier, error)

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

	// Now is the clock that exp and nbf are compared with. It defaults to time.Now. It must be safe for
	// concurrent use.
	Now func() time.Time
}

// A Verifier decides whether a token is an access token of one of its issuers for this
// API. It is safe for concurrent use and has nothing to close.
type Verifier struct {
	trusted       atomic.Pointer[trust]
	resolve       func(ctx context.Context, iss string) (*Verifier, error) // nil without Config.Resolve
	maxTokenBytes int
	now           func() time.Time
	headers       headerMemo
	cache         *tokenCache // nil if switched off
	replacing     sync.Mutex  // one Replace at a time
}

// NewVerifier returns a Verifier, or an error that reports all mistakes in config. It
// makes no request and starts no goroutine.
func NewVerifier(config Config) (*Verifier, error) {
	v := &Verifier{maxTokenBytes: config.MaxTokenBytes, now: config.Now, resolve: config.Resolve}
	t, errs := v.newTrust("Config.Issuers", config.Issuers, new(trust))
	v.trusted.Store(t)
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

// Verify returns the claims of a valid access token. The token must be a JWS in compact
// serialization. Its iss must name a configured issuer, and one of that issuer's keys must
// have signed it. It must be for one of the issuer's audiences, not expired or too early, and
// of the right type. If it is bound to a key, proofs must confirm it. The issuer's Validate
// hook must accept it. Verify does not check scopes: see [Claims.HasScope].
//
// An opaque token must have the shape that an Issuer.Opaque names. That issuer is asked about it,
// and its answer must pass the same checks. If the Opaque wants it, the issuer is asked about its
// JWTs as well, once they are known to be valid.
//
// Every error matches a [Reason] under [errors.Is], and [errors.As] finds it. The error text
// is for logs: it holds no bytes of the token, but may hold a text of a hook or a key set.
// [ErrUnavailable] and [ErrKeysUnavailable] mean that the token could not be checked. For
// ErrKeysUnavailable, errors.As finds an [*UnavailableError] as well.
//
// Verify blocks only while the issuer's KeySet, its Opaque, a Proof or the Validate hook does,
// and no longer than ctx. A proof is used only if the token's cnf has its member. A caller that
// requires a bound token must check [Claims.Confirmation] as well.
func (v *Verifier) Verify(ctx context.Context, token string, proofs ...Proof) (*Claims, error) {
	if v.isTooLong(token) {
		return nil, refuse(ErrMalformed, tooLong)
	}
	trusted, now := v.trusted.Load(), v.now()
	if issuer := trusted.opaqueIssuer(token); issuer != nil {
		a := attempt{now: now, trust: trusted}
		a.issuer = issuer
		return v.verifyOpaque(ctx, &a, token, proofs)
	}
	parts, err := strict.Cut(token)
	if err != nil {
		return nil, trusted.notCut(err)
	}
	t, known, err := v.recall(ctx, trusted, parts, now)
	if err != nil {
		return nil, err
	}
	if !known {
		if t, err = v.accept(ctx, attempt{parts: parts, now: now, trust: trusted}); err != nil {
			return nil, err
		}
	}
	if err := t.issuer.checkActive(ctx, token, t.claims, now); err != nil {
		return nil, t.issuer.attribute(err)
	}
	if err := t.issuer.admit(ctx, t.claims, token, proofs); err != nil {
		return nil, err
	}
	if !known && v.cache != nil {
		v.cache.add(t, parts, now)
	}
	return t.claims, nil
}

// admit makes the checks that belong to one request: proofs, and the Validate hook.
func (i *Issuer) admit(ctx context.Context, c *Claims, token string, proofs []Proof) error {
	if err := c.confirm(ctx, token, proofs); err != nil {
		return i.attribute(err)
	}
	return i.attribute(i.runValidate(ctx, c))
}

const tooLong = "longer than Config.MaxTokenBytes"

func (v *Verifier) isTooLong(token string) bool { return len(token) > v.maxTokenBytes }

// recall returns a token from the cache, and false if the token must be verified in full. Like
// accept, it asks for the issuer and its keys: they may be gone since. A refresh that is due
// therefore starts even if all requests are hits.
func (v *Verifier) recall(ctx context.Context, trusted *trust, parts strict.Compact, now time.Time) (token, bool, error) {
	if v.cache == nil {
		return token{}, false, nil
	}
	entry := v.cache.get(parts)
	if entry == nil {
		return token{}, false, nil
	}
	t := entry.token
	if entry.vouched.Load() != trusted.generation {
		if issuer, err := v.issuerOf(ctx, trusted, t.claims.issuer); issuer != t.issuer {
			if !isUnavailable(err) {
				v.cache.drop(entry)
			}
			return token{}, false, err
		}
		if trusted.issuers[t.issuer.URL] == t.issuer { // and not found by Config.Resolve
			entry.vouched.Store(trusted.generation)
		}
	}
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
func (v *Verifier) accept(ctx context.Context, a attempt) (token, error) {
	for c := range numChecks {
		if err := v.check(ctx, &a, c); err != nil {
			return token{}, a.attribute(err)
		}
	}
	a.header = v.headers.add(a.parts.Header, a.header)
	a.settle()
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
