package keyset

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/bearerguard/bearerguard/claims"
)

// A Skip is a key of a document that is not used.
type Skip struct {
	KeyID  string // safe for logs: at most 256 bytes of printable ASCII
	Reason string // a fixed text
}

func newSkip(kid string, reason error) Skip {
	safe := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, kid[:min(len(kid), MaxKeyIDBytes)])
	return Skip{KeyID: safe, Reason: reason.Error()}
}

// skipped are the keys of a document that are not used.
type skipped struct {
	list []Skip
	// unusable has the error of a look-up for each kid that only skipped signing keys have.
	unusable map[string]error
}

// add adds a key. If several keys have one kid, the first one's reason is told. A kid that is
// not readable is empty, and no token's look-up finds it.
func (s *skipped) add(kid string, reason error) {
	s.list = append(s.list, newSkip(kid, reason))
	_, known := s.unusable[kid]
	_, unrelated := errors.AsType[otherPurpose](reason)
	if known || unrelated || kid == "" || CheckKeyID(kid) != nil {
		return
	}
	if s.unusable == nil {
		s.unusable = make(map[string]error)
	}
	s.unusable[kid] = &unusableError{reason}
}

// less returns s without errors for the kids of usable keys. Such a kid is known, so a token
// that names it with an alg of none of its keys is like every token of an unknown key.
func (s skipped) less(usable []string) skipped {
	for _, kid := range usable {
		delete(s.unusable, kid)
	}
	return s
}

// An unusableError says that the key that a token names is published, but was skipped. It
// matches claims.ErrUnusableKey. Its text is fixed.
type unusableError struct{ reason error }

func (e *unusableError) Error() string {
	return "jwks: the key is published, but not used: " + e.reason.Error()
}

func (e *unusableError) Unwrap() error { return claims.ErrUnusableKey }

// An otherPurpose is why a key is not used that the issuer does not publish for signatures. No
// token is signed with it by right, so a look-up takes it for a key that is not published.
type otherPurpose struct{ error }

// maySign reports whether use, key_ops and alg allow signatures of tokens (RFC 7517 sections 4.2
// to 4.4). What cannot be read forbids none. The x509-svid keys of a SPIFFE bundle sign
// certificates.
func (m members) maySign() bool {
	use, _, _ := m.text("use")
	alg, _, _ := m.text("alg")
	var ops []string
	if raw, ok := m.values["key_ops"]; ok && json.Unmarshal(raw, &ops) == nil &&
		!slices.Contains(ops, "sign") && !slices.Contains(ops, "verify") {
		return false
	}
	return use != "enc" && use != "x509-svid" && !isEncryption(alg)
}

// isEncryption reports whether alg encrypts with a public key (RFC 7518 section 4.1).
func isEncryption(alg string) bool {
	return alg == "RSA1_5" || strings.HasPrefix(alg, "RSA-OAEP") || strings.HasPrefix(alg, "ECDH-ES")
}

// describe lists the first reasons, each behind ": " or "; ".
func describe(skips []Skip) string {
	const most = 8
	var text strings.Builder
	separator := ": "
	for _, skip := range skips[:min(len(skips), most)] {
		fmt.Fprintf(&text, "%skid %q: %s", separator, skip.KeyID, skip.Reason)
		separator = "; "
	}
	if more := len(skips) - most; more > 0 {
		fmt.Fprintf(&text, "; and %d more", more)
	}
	return text.String()
}
