package claims

import (
	"context"
	"time"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// A check is one of the checks of accept, in this order. What is cheap comes first, and a token
// that is broken, foreign or expired causes no look-up of a key. Verify ends at the first check
// that fails. Explain makes the same checks, and goes on where it can.
type check uint8

const (
	headerSegmentCheck check = iota
	headerCheck
	algorithmCheck
	signatureSegmentCheck
	payloadSegmentCheck
	claimsCheck
	// All grammar is checked before the issuer is known. Otherwise the order of the answers
	// would tell a stranger which issuers are trusted.
	issuerCheck
	// All checks from here on use only the settings and keys of this issuer (RFC 8725 section
	// 3.8).
	issuerAlgorithmCheck
	typeCheck
	timesCheck
	audienceCheck
	requiredCheck
	keyCheck
	signatureCheck
	numChecks
)

// An attempt is what the checks have found out about one token so far.
type attempt struct {
	token
	parts strict.Compact
	now   time.Time
	trust *trust

	document  string // the header; "" if it is one that has been verified before
	signature []byte
	payload   string // of an opaque token: the answer of its issuer
	keys      []Key  // that may have made the signature
}

// attribute returns err with the name of the issuer, if it is known already.
func (a *attempt) attribute(err error) error {
	if a.issuer == nil {
		return err
	}
	return a.issuer.attribute(err)
}

// settle completes the claims of a token that has passed all checks of its issuer's settings.
func (a *attempt) settle() {
	a.claims.leeway = a.issuer.Leeway
	a.claims.resolveScopes(a.issuer.ScopeClaims, a.issuer.AllowedScopes)
}

// check makes one check, for which all earlier ones must have passed.
func (v *Verifier) check(ctx context.Context, a *attempt, c check) (err error) {
	switch c {
	case headerSegmentCheck:
		a.header, a.document, err = v.openHeader(a.parts.Header)
	case headerCheck:
		if a.document != "" {
			a.header, err = parseHeader(a.document)
		}
	case algorithmCheck:
		return v.checkAlgorithm(a.trust, a.header)
	case signatureSegmentCheck:
		a.signature, err = decodeSignature(a.parts.Signature)
	case payloadSegmentCheck:
		a.payload, err = decode("payload", a.parts.Payload)
	case claimsCheck:
		a.claims, err = parsePayload(a.payload)
	case issuerCheck:
		a.issuer, err = v.issuerOf(ctx, a.trust, a.claims.issuer)
	case issuerAlgorithmCheck:
		return a.issuer.checkAlgorithm(a.header)
	case typeCheck:
		return a.issuer.checkType(a.header, a.claims)
	case timesCheck:
		if err = a.issuer.checkTimes(a.claims, a.now); err == nil {
			err = a.issuer.checkLifetime(a.claims, a.now)
		}
	case audienceCheck:
		return a.issuer.checkAudience(a.claims)
	case requiredCheck:
		return a.issuer.checkRequired(a.claims)
	case keyCheck:
		a.keys, err = a.issuer.candidates(ctx, a.header)
	case signatureCheck:
		return a.checkSignature()
	}
	return err
}

// checkSignature finds the key that made the signature, over the exact bytes received (RFC
// 7515 section 5.2).
func (a *attempt) checkSignature() error {
	a.signingInput = []byte(a.parts.SigningInput)
	for _, key := range a.keys {
		if key != nil && key.Verify(a.signingInput, a.signature) == nil {
			a.key = key
			return nil
		}
	}
	return refuse(ErrSignature, "")
}
