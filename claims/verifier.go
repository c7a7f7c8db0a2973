package claims

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const defaultMaxTokenBytes = 16 << 10

// A Config says what a [Verifier] accepts.
type Config struct {
	// Issuers are the trusted issuers, at least one, each with a URL of its own.
	Issuers []Issuer

	// MaxTokenBytes is the length of the longest token that is read. It defaults
	// to 16 KiB and is at most 1 MiB.
	MaxTokenBytes int

	// Now is the clock that exp and nbf are compared with. It defaults to time.Now.
	Now func() time.Time
}

// A Verifier decides whether a token is an access token of one of its issuers for this
// API. It is safe for concurrent use and has nothing to close.
type Verifier struct {
	issuers       map[string]*Issuer
	maxTokenBytes int
	now           func() time.Time
	headers       headerMemo
}

// NewVerifier returns a Verifier, or every mistake in the Config at once. It makes no
// request and starts no goroutine.
func NewVerifier(config Config) (*Verifier, error) {
	v := &Verifier{
		issuers:       make(map[string]*Issuer, len(config.Issuers)),
		maxTokenBytes: config.MaxTokenBytes,
		now:           config.Now,
	}
	var errs []error
	if len(config.Issuers) == 0 {
		errs = append(errs, errors.New("claims: invalid Config.Issuers: at least one is required"))
	}
	for _, issuer := range config.Issuers {
		complete, err := issuer.withDefaults()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if v.issuers[issuer.URL] != nil {
			errs = append(errs, fmt.Errorf("claims: invalid Config.Issuers: %q stands twice", issuer.URL))
		}
		v.issuers[issuer.URL] = complete
	}
	if v.maxTokenBytes == 0 {
		v.maxTokenBytes = defaultMaxTokenBytes
	}
	if v.maxTokenBytes < 0 || v.maxTokenBytes > 1<<20 {
		errs = append(errs, fmt.Errorf("claims: invalid Config.MaxTokenBytes %d: not between 0 and 1 MiB", v.maxTokenBytes))
	}
	if v.now == nil {
		v.now = time.Now
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return v, nil
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
	t, err := v.read(token)
	if err != nil {
		return nil, err
	}
	if t.issuer, err = v.issuerOf(t.claims); err != nil {
		return nil, err
	}
	if err := t.issuer.admit(t.header, t.claims, v.now()); err != nil {
		return nil, err
	}
	if err := t.verifySignature(ctx); err != nil {
		return nil, err
	}
	v.headers.add(t.compact.header, t.header)
	t.claims.resolveScopes(t.issuer.ScopeClaims)
	if err := t.claims.confirm(ctx, token, proofs); err != nil {
		return nil, err
	}
	if err := t.issuer.runValidate(ctx, t.claims); err != nil {
		return nil, err
	}
	return t.claims, nil
}

// An unverified is a token on its way: read, but not yet believed.
type unverified struct {
	compact compact
	header  header
	claims  *Claims
	issuer  *Issuer
}

// read takes the token apart. The cost is bounded by its length.
func (v *Verifier) read(token string) (t unverified, err error) {
	if t.compact, err = cutCompact(token); err != nil {
		return t, err
	}
	if t.header, err = v.readHeader(t.compact.header); err != nil {
		return t, err
	}
	if t.compact.signature == "" {
		return t, refuse(ErrMalformed, "empty signature")
	}
	payload, err := decodeSegment("payload", t.compact.payload)
	if err != nil {
		return t, err
	}
	t.claims, err = parse(payload)
	return t, err
}

func (v *Verifier) readHeader(segment string) (header, error) {
	if h, ok := v.headers.get(segment); ok {
		return h, nil
	}
	document, err := decodeSegment("header", segment)
	if err != nil {
		return header{}, err
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

// verifySignature asks the issuer for keys and tries them over the exact bytes
// received (RFC 7515 section 5.2).
func (t *unverified) verifySignature(ctx context.Context) error {
	signature, err := decodeSegment("signature", t.compact.signature)
	if err != nil {
		return err
	}
	keys, err := t.issuer.candidates(ctx, t.header)
	if err != nil {
		return err
	}
	signingInput := []byte(t.compact.signingInput)
	for _, key := range keys {
		if key != nil && key.Verify(signingInput, signature) == nil {
			return nil
		}
	}
	return refuse(ErrSignature, "")
}

// candidates asks the key set, and holds it to its contract: whatever it answers, the
// result is one to four keys or an error with a Reason.
func (i *Issuer) candidates(ctx context.Context, h header) ([]Key, error) {
	keys, err := i.Keys.Keys(ctx, h.alg, h.kid)
	var unavailable *UnavailableError
	switch {
	case err == nil && len(keys) > maxCandidates:
		return nil, refuse(ErrUnknownKey, "ambiguous: more than four keys fit")
	case err == nil && len(keys) == 0:
		return nil, refuse(ErrUnknownKey, "")
	case err == nil:
		return keys, nil
	case errors.As(err, &unavailable):
		return nil, err
	case errors.Is(err, ErrUnknownKey):
		return nil, &refusal{reason: ErrUnknownKey, err: err}
	}
	return nil, &UnavailableError{Err: err}
}

// knownConfirmations are the confirmation methods that bind a token to a key: RFC 7800
// sections 3.2 and 3.4, RFC 8705 section 3.1, RFC 9449 section 6.1.
var knownConfirmations = []string{"jkt", "x5t#S256", "jwk", "kid"}

// confirm demands a proof of every known member of cnf, and of at least one. A token
// with a cnf is never a plain bearer token, whoever presents it; members that are not
// understood beside a confirmed one are ignored (RFC 7800 section 3.1).
func (c *Claims) confirm(ctx context.Context, token string, proofs []Proof) error {
	if c.confirmation == (span{}) {
		return nil
	}
	object := c.confirmation.of(c.text)
	confirmed := 0
	err := readObject([]byte(object), func(m member) error {
		name, err := unquote(m.name.of(object))
		if err != nil {
			return err
		}
		proof := proofOf(name, proofs)
		switch {
		case proof != nil:
			confirmed++
			return classify(proof.Confirm(ctx, token, []byte(m.value.of(object))), ErrConfirmation)
		case slices.Contains(knownConfirmations, name):
			return refuse(ErrConfirmation, "no proof")
		}
		return nil
	})
	if err == nil && confirmed == 0 {
		err = refuse(ErrConfirmation, "no known member")
	}
	return err
}

func proofOf(member string, proofs []Proof) Proof {
	for _, proof := range proofs {
		if proof != nil && proof.Member() == member {
			return proof
		}
	}
	return nil
}

func (i *Issuer) runValidate(ctx context.Context, c *Claims) error {
	if i.Validate == nil {
		return nil
	}
	err := i.Validate(ctx, c)
	switch {
	case errors.Is(err, ErrForbidden):
		return &refusal{reason: ErrForbidden, err: err}
	case errors.Is(err, ErrRevoked) && !undecided(err):
		return &refusal{reason: ErrRevoked, err: err}
	}
	return classify(err, ErrRejected)
}

// classify gives a hook's error its Reason: could not decide, or refused.
func classify(err error, refused Reason) error {
	switch {
	case err == nil:
		return nil
	case undecided(err):
		return &refusal{reason: ErrUnavailable, err: err}
	}
	return &refusal{reason: refused, err: err}
}

func undecided(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrKeysUnavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
