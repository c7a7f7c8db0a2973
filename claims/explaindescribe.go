package claims

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bearerguard/bearerguard/claims/explain"
	"github.com/bearerguard/bearerguard/internal/strict"
)

// describe fills in what each check expects, and what the token has.
func (e *explanation) describe() {
	for r := range numRows {
		step := &e.steps[r]
		if step.Result == explain.NotReached || e.saysNothing(r) {
			continue
		}
		step.Expected, step.Received = e.expected(r), e.received(r)
		if e.assumed && r > issRow && r != cnfRow && step.Result != explain.NotRun {
			step.Detail = strings.TrimPrefix(step.Detail+"; by the settings of "+quoted(e.issuer.URL), "; ")
		}
	}
}

func (e *explanation) expected(r row) string {
	switch r {
	case requestRow:
		return "one Authorization field with one bearer token"
	case lengthRow:
		return fmt.Sprintf("at most %d bytes", e.v.maxTokenBytes)
	case segmentsRow:
		if e.opaque {
			return "the shape of this issuer's opaque tokens"
		}
		return "three segments in base64url without padding"
	case headerRow:
		return "a JSON object with alg, without crit and b64"
	case algRow:
		if e.issuer != nil {
			return "one of " + listed(e.issuer.Algorithms)
		}
		return "one of " + listed(e.trust.algorithms)
	case claimsRow:
		return "a JSON object with claims of the right types"
	case issRow:
		return "one of " + listed(e.trust.urls)
	case typRow:
		return e.issuer.expectedTypes() + ", and no claims that only other tokens have"
	case timesRow:
		return e.expectedTimes()
	case audRow:
		return e.issuer.expectedAudience()
	case requiredRow:
		return e.issuer.expectedClaims()
	case keyRow:
		if len(e.keySet.KeyIDs) > 0 {
			return "one of the keys " + listed(e.keySet.KeyIDs)
		}
		return "a key of the issuer for this alg and kid"
	case signatureRow:
		return "the signature of this key over header and payload"
	case cnfRow:
		return "no cnf, or a proof of the key that it names"
	case policiesRow:
		return listed(e.options.Scopes)
	}
	return ""
}

func (e *explanation) expectedTimes() string {
	text := fmt.Sprintf("exp after %s, nbf not after it, with %s of leeway", e.relative(e.now), inWords(e.issuer.Leeway))
	if e.issuer.MaxLifetime > 0 {
		text += ", iat not in the future, exp at most " + inWords(e.issuer.MaxLifetime) + " after iat"
	}
	return text
}

func (e *explanation) received(r row) string {
	switch r {
	case lengthRow:
		return fmt.Sprintf("%d bytes", len(e.text))
	case segmentsRow:
		return e.receivedSegments()
	case headerRow:
		return e.receivedHeader()
	case algRow:
		return quoted(e.header.alg)
	case claimsRow:
		return e.receivedClaims()
	case issRow:
		return orNo("iss", e.claims.issuer)
	case typRow:
		return e.receivedType()
	case timesRow:
		return e.receivedTimes()
	case audRow:
		return e.receivedAudience()
	case requiredRow:
		return e.receivedValues()
	case keyRow:
		return "alg " + quoted(e.header.alg) + ", " + named("kid", e.header.kid)
	case signatureRow:
		return fmt.Sprintf("%d bytes", len(e.signature))
	case cnfRow:
		return e.receivedConfirmation()
	case policiesRow:
		return e.receivedScopes()
	}
	return ""
}

// orNo returns a value, or says that there is none.
func orNo(name, value string) string {
	if value == "" {
		return "no " + name
	}
	return quoted(value)
}

// named returns a name with its value, or says that there is none.
func named(name, value string) string {
	if value == "" {
		return "no " + name
	}
	return name + " " + quoted(value)
}

// receivedSegments tells only lengths: a text that is not a JWT can be a secret.
func (e *explanation) receivedSegments() string {
	segments := strings.Count(e.text, ".") + 1
	if segments > shownElements {
		return fmt.Sprintf("%d segments", segments)
	}
	var lengths []string
	for s := range strings.SplitSeq(e.text, ".") {
		lengths = append(lengths, strconv.Itoa(len(s)))
	}
	if segments == 1 {
		return "1 segment of " + lengths[0] + " bytes"
	}
	return fmt.Sprintf("%d segments of %s bytes", segments, strings.Join(lengths, ", "))
}

func (e *explanation) receivedHeader() string {
	switch {
	case !e.failed(headerRow):
	case strings.HasPrefix(e.document, "{"):
		return quoted(e.document)
	default: // it can be a part of a secret
		return fmt.Sprintf("%d bytes", len(e.document))
	}
	return "alg " + quoted(e.header.alg) + ", " + named("kid", e.header.kid) + ", " + named("typ", e.header.typ)
}

// receivedClaims tells only names: the values can be personal.
func (e *explanation) receivedClaims() string {
	if e.claims == nil {
		return fmt.Sprintf("%d bytes", len(e.payload))
	}
	var names []string
	for _, m := range e.claims.members {
		name, _ := strict.Unquote(m.Name.Of(e.claims.text))
		names = append(names, name)
	}
	if len(names) == 0 {
		return "no claims"
	}
	return listed(names)
}

// otherTokensClaims are the claims that access tokens do not have, or have only with scopes.
var otherTokensClaims = []string{"at_hash", "c_hash", "s_hash", "events", "nonce"}

func (e *explanation) receivedType() string {
	texts := []string{named("typ", e.header.typ)}
	for _, name := range otherTokensClaims {
		if _, ok := e.claims.topLevel(name); ok {
			texts = append(texts, name)
		}
	}
	return strings.Join(texts, ", ")
}

func (e *explanation) receivedTimes() string {
	text := "no exp"
	if !e.claims.expiresAt.IsZero() {
		text = "exp " + e.relative(e.claims.expiresAt)
	}
	if !e.claims.notBefore.IsZero() {
		text += ", nbf " + e.relative(e.claims.notBefore)
	}
	switch {
	case e.issuer.MaxLifetime == 0:
	case e.claims.issuedAt.IsZero():
		text += ", no iat"
	default:
		text += ", iat " + e.relative(e.claims.issuedAt)
	}
	return text
}

func (e *explanation) receivedConfirmation() string {
	var members []string
	cnf := e.claims.confirmation
	if cnf == (strict.Span{}) {
		return "no cnf"
	}
	_ = strict.Object(cnf.Of(e.claims.text), func(name, _ string) error {
		members = append(members, name)
		return nil
	})
	if len(members) == 0 {
		return "an empty cnf"
	}
	return "cnf with " + listed(members)
}

func (e *explanation) receivedScopes() string {
	if len(e.options.Scopes) == 0 {
		return ""
	}
	if scopes := e.claims.Scopes(); len(scopes) > 0 {
		return listed(scopes)
	}
	return "no scopes"
}
