package differential_test

import (
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A difference is a known difference between us and a peer for which our answer is right. name
// describes the tokens without reference to any verifier's answer. why gives the reason for our
// answer. The example must have this difference and no other.
type difference struct {
	name    string
	peer    string        // both peers if empty
	reason  claims.Reason // ours, if we refuse
	says    string        // part of the peer's error, if it refuses
	when    func(facts) bool
	why     string
	example string
}

// with returns a good token in which one member of a document is set, or deleted if value is
// empty.
func with(doc int, name, value string) string {
	documents := [2]document{goodHeader("EdDSA", "k1"), goodPayload()}
	if value == "" {
		documents[doc] = documents[doc].without(name)
	} else {
		documents[doc] = documents[doc].set(name, value)
	}
	return signedDocuments(0, documents[0].String(), documents[1].String())
}

// stricter are the tokens that we refuse and a peer accepts.
var stricter = []difference{
	{
		"duplicate members", "golang-jwt", claims.ErrMalformed, "", facts.duplicates,
		"two readers of the token may use different ones (RFC 7515 section 4, RFC 7519 section 4)",
		with(1, `"x"`, `{"a":1,"a":2}`),
	},
	{
		"bytes or escapes that are not characters", "", claims.ErrMalformed, "", facts.badUnicode,
		"encoding/json replaces them, and different names or values become the same (RFC 8259 sections 8.1 and 8.2)",
		with(1, `"x"`, "\"\xff\""),
	},
	{
		"line breaks or trailing bits in base64url", "", claims.ErrMalformed, "", facts.laxBase64,
		"one token has many spellings (RFC 7515 section 2, RFC 4648 section 3.5); golang-jwt can be configured to refuse the trailing bits, but not the line breaks",
		strings.Replace(with(1, `"x"`, `1`), ".", ".\n", 1),
	},
	{
		"crit or b64 in the header", "", claims.ErrMalformed, "", func(f facts) bool { return f.inHeader("crit", "b64") },
		"no critical extension is supported (RFC 7515 section 4.1.11), and b64 is not for JWTs (RFC 7797 section 7)",
		with(0, `"crit"`, `["x"]`),
	},
	{
		"a typ or kid that is not a string", "", claims.ErrMalformed, "", func(f facts) bool { return f.headerNotString("typ", "kid") },
		"RFC 7515 sections 4.1.4 and 4.1.9",
		with(0, `"typ"`, `1`),
	},
	{
		"a typ of another kind of token", "", claims.ErrType, "", func(f facts) bool { return !slices.Contains([]any{"", "JWT", "at+jwt"}, f.h["typ"]) },
		"RFC 8725 section 3.11; the peers ignore typ",
		with(0, `"typ"`, `"logout+jwt"`),
	},
	{
		"a claim of another kind of token", "", claims.ErrType, "", func(f facts) bool { return f.present("at_hash", "c_hash", "s_hash", "events") },
		"RFC 8725 section 3.12",
		with(1, `"at_hash"`, `"x"`),
	},
	{
		"a nonce without scopes", "", claims.ErrType, "", func(f facts) bool { return f.present("nonce") && !f.notNull("scope", "scp") },
		"it is an ID token (RFC 9068 section 5); a scope that is null is none",
		signedDocuments(0, goodHeader("EdDSA", "k1").String(), goodPayload().without(`"scope"`).set(`"nonce"`, `"n"`).String()),
	},
	{
		"a claim that must be a string and is not", "", claims.ErrMalformed, "", func(f facts) bool { return f.notString("sub", "jti", "client_id", "azp") },
		"RFC 7519 sections 4.1.2 and 4.1.7, RFC 8693 section 4.3",
		with(1, `"sub"`, `1`),
	},
	{
		"an exp or nbf that is not a time from 1970 to 9999", "", claims.ErrMalformed, "", func(f facts) bool { return f.badDate("exp", "nbf") },
		"a NumericDate is a number of seconds (RFC 7519 section 2), and a number that overflows reverses the result of a check",
		with(1, `"nbf"`, `-1`),
	},
	{
		"no exp", "go-jose", claims.ErrMissingClaim, "", func(f facts) bool { return !f.notNull("exp") },
		"RFC 9068 section 2.2; a token without exp would be valid for ever",
		with(1, `"exp"`, ``),
	},
	{
		"the exact time of exp", "go-jose", claims.ErrExpired, "", func(f facts) bool { return f.expiresAt(now.Add(-leeway)) },
		"on or after exp is too late (RFC 7519 section 4.1.4)",
		with(1, `"exp"`, relative(-5)),
	},
	{
		"an nbf with a fraction", "", claims.ErrNotYetValid, "", func(f facts) bool { return f.fraction("nbf") },
		"the peers drop the fraction and accept the token up to a second too early",
		with(1, `"nbf"`, relative(5)+".5"),
	},
	{
		"bound to a key", "", claims.ErrConfirmation, "", func(f facts) bool { return f.present("cnf") },
		"a bound token is not a bearer token (RFC 7800 section 3.1, RFC 9449 section 7.2)",
		with(1, `"cnf"`, `{"jkt":"x"}`),
	},
	{
		"a cnf that is not an object", "", claims.ErrMalformed, "", func(f facts) bool { _, object := f.p["cnf"].(map[string]any); return f.present("cnf") && !object },
		"RFC 7800 section 3.1",
		with(1, `"cnf"`, `"x"`),
	},
	{
		"a claim nested deeper than 32", "", claims.ErrMalformed, "", func(f facts) bool { return f.depth() > 33 },
		"it bounds the stack that a token can use",
		with(1, `"x"`, strings.Repeat("[", 33)+strings.Repeat("]", 33)),
	},
	{
		"longer than 16 KiB", "", claims.ErrMalformed, "", func(f facts) bool { return len(f.token) > 16<<10 },
		"it bounds the cost of a token",
		with(1, `"x"`, `"`+strings.Repeat("x", 12<<10)+`"`),
	},
}

// moreTolerant are the tokens that we accept and a peer refuses. No row may hide a check that we
// lack.
var moreTolerant = []difference{
	{
		"alg Ed25519", "", "", "alg", func(f facts) bool { return f.h["alg"] == "Ed25519" },
		"RFC 9864 section 2.2 defines it; the peers know only the name of RFC 8037",
		with(0, `"alg"`, `"Ed25519"`),
	},
	{
		"a number beyond float64 in a member that is not used", "", "", "cannot unmarshal number", facts.hugeNumber,
		"JSON does not bound numbers (RFC 8259 section 6), and unknown members are ignored (RFC 7519 section 4)",
		with(1, `"x"`, `1e400`),
	},
	{
		"a jwk in the header", "go-jose", "", "jwk", func(f facts) bool { return f.inHeader("jwk") },
		"go-jose parses it and refuses the token if that fails; we never use it (RFC 8725 section 3.10), so we do not parse it",
		with(0, `"jwk"`, `{"kty":"oct","k":"AA"}`),
	},
	{
		"an x5c in the header", "go-jose", "", "x5c", func(f facts) bool { return f.inHeader("x5c") },
		"the same as for jwk",
		with(0, `"x5c"`, `"AA"`),
	},
	{
		"a nonce in the header that is not a string", "go-jose", "", "nonce", func(f facts) bool { return f.headerNotString("nonce") },
		"it is a header member of ACME (RFC 8555 section 6.5.2), not of a JWT",
		with(0, `"nonce"`, `1`),
	},
	{
		"an iat in the future", "go-jose", "", "issued in the future", func(f facts) bool { iat, ok := f.date("iat"); return ok && iat > float64(now.Add(leeway).Unix()) },
		"iat only informs (RFC 7519 section 4.1.6); nbf is the claim for this purpose",
		with(1, `"iat"`, relative(6)),
	},
	{
		"a date that is null", "golang-jwt", "", "invalid type for claim", func(f facts) bool { return f.null("nbf", "iat") },
		"null is absence, as for go-jose",
		with(1, `"nbf"`, `null`),
	},
	{
		"an iat that is not a NumericDate", "", "", "", func(f facts) bool {
			return f.badDate("iat") || f.hugeNumber() && strings.Contains(string(f.payload), `"iat"`)
		},
		"iat only informs (RFC 7519 section 4.1.6), so it counts as absent",
		with(1, `"iat"`, `"1"`),
	},
	{
		"an exp with a fraction", "golang-jwt", "", "expired", func(f facts) bool { return f.fraction("exp") },
		"golang-jwt drops the fraction and refuses the token up to a second too early",
		with(1, `"exp"`, relative(-5)+".5"),
	},
}

// otherClaims are the tokens that both accept, but with different claims. Dates are compared in
// whole seconds.
var otherClaims = []difference{
	{
		"an iat beyond the year 9999 or before 1970", "", "", "", func(f facts) bool { return f.badDate("iat") },
		"it is a mistake, such as milliseconds, and counts as absent",
		with(1, `"iat"`, `-1`),
	},
}

func (f facts) expiresAt(t time.Time) bool {
	exp, ok := f.date("exp")
	return ok && int64(exp) == t.Unix()
}
