package claims_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bearerguard/bearerguard/claims"
)

// FuzzVerify verifies whole tokens. An accepted token must have three segments that encode
// back to the same text, and every error must have a Reason.
func FuzzVerify(f *testing.F) {
	good := token(nil)
	for _, seed := range []string{
		good, "", "..", "a.b.c", good + "=", strings.Replace(good, ".", "..", 1),
		header(`{"alg":"none"}`), header(`{"alg":"EdDSA","crit":["b64"],"b64":false}`),
		sign(goodHeader, `{"iss":1}`), token(members{"aud": `["a"]`}), token(members{"cnf": `{"jkt":1}`}),
	} {
		f.Add(seed)
	}
	v := newVerifier(f, goodIssuer())
	f.Fuzz(func(t *testing.T, token string) {
		c, err := v.Verify(t.Context(), token)
		if err != nil {
			var reason claims.Reason
			if c != nil || !errors.As(err, &reason) {
				t.Fatalf("claims %v, error without a Reason: %v", c, err)
			}
			return
		}
		segments := strings.Split(token, ".")
		if len(segments) != 3 {
			t.Fatalf("%d segments", len(segments))
		}
		for _, segment := range segments {
			decoded, err := base64.RawURLEncoding.DecodeString(segment)
			if err != nil || base64.RawURLEncoding.EncodeToString(decoded) != segment {
				t.Fatalf("lax segment %q: %v", segment, err)
			}
		}
	})
}

// FuzzHeader signs any header bytes with a good payload. encoding/json must read an accepted
// header as an object with the same meaning.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		goodHeader, `{}`, `{"alg":"EdDSA","alg":"none"}`, `{"alg":"EdDSA","kid":null}`, `["alg"]`, `{"alg":"EdDSA","x":{"a":1,"a":1}}`,
	} {
		f.Add([]byte(seed))
	}
	v := newVerifier(f, goodIssuer())
	f.Fuzz(func(t *testing.T, document []byte) {
		segment := base64.RawURLEncoding.EncodeToString(document)
		if _, err := v.Verify(t.Context(), signSegments(segment, b64(payload(nil)))); err != nil {
			return
		}
		var members map[string]any
		if err := json.Unmarshal(document, &members); err != nil || !utf8.Valid(document) {
			t.Fatalf("accepted %q: %v", document, err)
		}
		if alg := members["alg"]; alg != "EdDSA" && alg != "Ed25519" {
			t.Fatalf("accepted alg %v", alg)
		}
		for _, name := range []string{"crit", "b64"} {
			if _, ok := members[name]; ok {
				t.Fatalf("accepted %s", name)
			}
		}
	})
}

// FuzzParse compares ParseUnverified with encoding/json: both must read the same claims from
// every payload that ParseUnverified accepts.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		payload(nil), `{}`, `{"aud":["a","b"]}`, `{"scope":["a"],"scp":"b"}`, `{"exp":1e9,"nbf":0.5}`, `{"cnf":{"jkt":"x"}}`,
		`{"\u0069ss":"\u00e9"}`, `{"a":[[[{}]]]}`, `{"exp":-0.0}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		c, err := claims.ParseUnverified(document)
		if err != nil {
			return
		}
		var other map[string]any
		decoder := json.NewDecoder(bytes.NewReader(document))
		decoder.UseNumber()
		if err := decoder.Decode(&other); err != nil {
			t.Fatalf("accepted %q: %v", document, err)
		}
		for name, got := range map[string]string{"iss": c.Issuer(), "sub": c.Subject(), "jti": c.ID()} {
			if want, _ := other[name].(string); got != want {
				t.Fatalf("%s: %q, encoding/json says %q", name, got, want)
			}
		}
		if _, present := other["exp"]; present == c.ExpiresAt().IsZero() {
			t.Fatalf("exp %v of %q", c.ExpiresAt(), document)
		}
		for _, scope := range c.Scopes() {
			if !c.HasScope(scope) && scope != "" {
				t.Fatalf("Scopes has %q, HasScope does not", scope)
			}
		}
		if err := c.Decode(new(map[string]any)); err != nil {
			t.Fatalf("parsed but not decoded: %v", err)
		}
	})
}
