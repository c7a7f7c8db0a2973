package claims

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/internal/redact"
	"github.com/bearerguard/bearerguard/internal/strict"
)

// An opaqueRoute says which opaque tokens belong to an issuer.
type opaqueRoute struct {
	issuer            *Issuer
	prefix            string
	shortest, longest int // in bytes
}

// addOpaque adds the route of an issuer that introspects opaque tokens. Two routes that one token
// can match are a mistake: the credential of one issuer's client would be sent to the other issuer.
func (t *trust) addOpaque(name string, issuer *Issuer) error {
	if issuer.Opaque == nil {
		return nil
	}
	prefix, shortest, longest, _ := issuer.Opaque.Tokens()
	if longest <= 0 {
		return nil // it introspects JWTs only
	}
	for _, other := range t.opaque {
		if strings.HasPrefix(prefix, other.prefix) || strings.HasPrefix(other.prefix, prefix) {
			return fmt.Errorf("claims: invalid %s: the opaque tokens of %q and %q cannot be told apart: "+
				"each needs a prefix, and none can begin with another", name, redact.URL(other.issuer.URL), redact.URL(issuer.URL))
		}
	}
	t.opaque = append(t.opaque, opaqueRoute{issuer, prefix, shortest, longest})
	return nil
}

// opaqueIssuer returns the issuer that must be asked about a token. It returns nil for a token that
// is verified as a JWT. Only the bytes of the token decide. A JWT that is not valid, or that is
// encrypted, is never introspected: a stranger could otherwise cause a request with each.
func (t *trust) opaqueIssuer(token string) *Issuer {
	for _, route := range t.opaque {
		if !strings.HasPrefix(token, route.prefix) || len(token) < route.shortest || len(token) > route.longest {
			continue
		}
		if isJOSE(token) || !isB64Token(token) {
			return nil
		}
		return route.issuer
	}
	return nil
}

// notCut refuses a token that cannot be cut as a JWT.
func (t *trust) notCut(err error) error {
	if errors.Is(err, strict.ErrSegments) && len(t.opaque) > 0 {
		return refuse(ErrMalformed, "neither a JWT nor like the opaque tokens of a configured issuer")
	}
	return refuse(ErrMalformed, err.Error())
}

// sourceProblems returns what is wrong with the fields that say how tokens are verified: by keys,
// or by asking the issuer.
func (i *Issuer) sourceProblems() (problems []string) {
	hasKeys, hasOpaque := !isNil(i.Keys), !isNil(i.Opaque)
	if i.Opaque != nil && !hasOpaque {
		problems = append(problems, "Opaque is a nil pointer: its constructor has returned an error")
	}
	switch {
	case hasKeys && i.JWKSURL != "":
		problems = append(problems, "JWKSURL would have no effect, because Keys is set")
	case hasKeys:
	case i.JWKSURL != "":
		problems = append(problems, "Keys is nil: only package middleware fetches them from JWKSURL")
	case i.Keys != nil || !hasOpaque:
		problems = append(problems, "Keys is nil")
	case i.introspectsJWTs():
		problems = append(problems, "Keys is nil: Opaque introspects JWTs, which need keys")
	}
	return problems
}

// isJOSE reports whether a token looks like a JWT, signed or encrypted. It has three segments (RFC
// 7515 section 7.1), five (RFC 7516 section 7.1) or another number above two. The first encodes the
// beginning of a JSON object. It need not be valid.
//
// Some parsers ignore what follows the third segment. An issuer with one would take a JWT that was
// refused for the same JWT again, if a dot were behind it.
func isJOSE(token string) bool {
	header, rest, _ := strings.Cut(token, ".")
	return strings.Contains(rest, ".") && beginsObject(header)
}

// beginsObject reports whether a segment encodes a text that begins like a JSON object. It takes
// the alphabets of base64 and base64url, as lax decoders do.
func beginsObject(segment string) bool {
	open := false
	for len(segment) >= 2 {
		var four [4]byte
		var three [3]byte
		n := copy(four[:], segment)
		segment = segment[n:]
		for i := range four[:n] {
			if four[i] == '+' || four[i] == '/' {
				four[i] = '-' // which of the two it was makes no difference to what is looked for
			}
		}
		n, err := base64.RawURLEncoding.Decode(three[:], four[:n])
		if err != nil {
			return false
		}
		for _, b := range three[:n] {
			switch {
			case b == ' ', b == '\t', b == '\r', b == '\n':
			case !open && b == '{':
				open = true
			default:
				return open && (b == '"' || b == '}')
			}
		}
	}
	return false
}

// isB64Token reports whether s is a b64token (RFC 6750 section 2.1). Nothing else is sent to an
// issuer.
func isB64Token(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		b := s[i]
		letter, digit := 'a' <= b|0x20 && b|0x20 <= 'z', '0' <= b && b <= '9'
		if !letter && !digit && strings.IndexByte("-._~+/", b) < 0 {
			return false
		}
	}
	return s != ""
}

// inactive does not say why: an issuer answers alike about a token that this API must not know of
// (RFC 7662 section 2.2).
const inactive = "its issuer says that it is not active"

// introspect asks the issuer about a token. Every error has a Reason.
func (i *Issuer) introspect(ctx context.Context, token string) (payload string, remembered bool, err error) {
	payload, remembered, err = i.Opaque.Introspect(ctx, i.URL, token)
	switch {
	case err == nil:
		return payload, remembered, nil
	case errors.Is(err, ErrRejected) && !isUnavailable(err):
		return "", false, refuse(ErrRejected, inactive)
	}
	return "", false, &refusal{reason: ErrUnavailable, err: err}
}

// answerChecks are the checks of what an issuer says about an opaque token, in this order. They
// are those of a JWT, without all that is about a signature.
var answerChecks = [...]check{claimsCheck, issuerCheck, typeCheck, timesCheck, audienceCheck, requiredCheck}

// checkAnswer makes one of answerChecks, for which all earlier ones must have passed.
func (v *Verifier) checkAnswer(ctx context.Context, a *attempt, c check) (err error) {
	switch c {
	case claimsCheck:
		a.claims, err = parseAnswer(a.payload)
	case issuerCheck:
		return a.issuer.checkIssuer(a.claims)
	case typeCheck:
		if err = a.claims.checkAnswerType(a.claims); err == nil {
			err = a.claims.checkKind()
		}
	default:
		return v.check(ctx, a, c)
	}
	return err
}

// parseAnswer reads the answer of an issuer. What is wrong with it is not the fault of the token.
func parseAnswer(payload string) (*Claims, error) {
	c, err := parsePayload(payload)
	if refused, ok := errors.AsType[*refusal](err); ok {
		return nil, refuse(ErrUnavailable, "the answer of the issuer cannot be used: "+refused.detail)
	}
	return c, nil
}

// checkIssuer requires the answer to name the issuer that was asked.
func (i *Issuer) checkIssuer(c *Claims) error {
	if c.issuer != i.URL {
		return refuse(ErrIssuer, "the issuer that was asked names another one")
	}
	return nil
}

var (
	// accessTokenTypes are the values of token_type in lower case (RFC 6749 section 7.1, RFC 9449
	// section 6.2, RFC 8693 section 3), and of token_use, that access tokens have.
	accessTokenTypes = []string{"bearer", "dpop", "access_token", "urn:ietf:params:oauth:token-type:access_token"}
	accessTokenUses  = []string{"access_token", "access"}             // Ory Hydra, Amazon Cognito
	otherTokenTyps   = []string{"Refresh", "Offline", "ID", "Logout"} // Keycloak
)

// checkAnswerType refuses other kinds of token. An endpoint answers for refresh tokens as well
// (RFC 7662 section 2.1), and a client must not use one as an access token. about are the claims
// that the token is accepted with.
func (c *Claims) checkAnswerType(about *Claims) error {
	kind, _ := c.stringClaim("token_type")
	use, _ := c.stringClaim("token_use")
	typ, _ := c.stringClaim("typ")
	kind = strings.ToLower(kind)
	switch {
	case c.has("token_type") && !slices.Contains(accessTokenTypes, kind):
		return refuse(ErrType, "token_type")
	case c.has("token_use") && !slices.Contains(accessTokenUses, use):
		return refuse(ErrType, "token_use")
	case slices.Contains(otherTokenTyps, typ):
		return refuse(ErrType, "typ")
	}
	if _, bound := about.Confirmation("jkt"); kind == "dpop" && !bound {
		// The answer says that the token is bound, and not to which key (RFC 9449 section 6.2).
		return refuse(ErrConfirmation, "token_type is DPoP, and cnf has no jkt")
	}
	return nil
}

// verifyOpaque is Verify for an opaque token of a.issuer.
func (v *Verifier) verifyOpaque(ctx context.Context, a *attempt, token string, proofs []Proof) (*Claims, error) {
	payload, remembered, err := a.issuer.introspect(ctx, token)
	if err != nil {
		return nil, a.attribute(err)
	}
	a.payload = payload
	for _, c := range answerChecks {
		if err := v.checkAnswer(ctx, a, c); err != nil {
			return nil, a.attribute(err)
		}
	}
	a.settle()
	if remembered {
		a.claims = a.claims.later
	}
	if err := a.issuer.admit(ctx, a.claims, token, proofs); err != nil {
		return nil, err
	}
	if !remembered {
		a.issuer.Opaque.Accepted(a.issuer.URL, token)
	}
	return a.claims, nil
}

// noKeys are the Keys of an issuer that has opaque tokens only.
type noKeys struct{}

func (noKeys) Keys(context.Context, string, string) ([]Key, error) {
	return nil, refuse(ErrUnknownKey, "only opaque tokens of this issuer are accepted")
}
