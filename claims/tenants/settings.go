package tenants

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
)

// settings are what is kept of the issuer that Lookup returned. They tell whether the next one is
// the same. The issuer itself is not kept: its maps and slices are the application's, which can
// change them.
type settings struct {
	data         [sha256.Size]byte // of everything that can be printed
	keys, opaque any
	rules        []any // of ClaimRules, those that decide themselves
	jwksURL      string
	hasHook      bool
}

func settingsOf(issuer claims.Issuer) settings {
	s := settings{keys: issuer.Keys, opaque: issuer.Opaque, jwksURL: issuer.JWKSURL, hasHook: issuer.Validate != nil}
	var without claims.WithoutAudience
	if issuer.WithoutAudience != nil {
		without = *issuer.WithoutAudience
	}
	hasWithout := issuer.WithoutAudience != nil
	for _, pointer := range slices.Sorted(maps.Keys(issuer.ClaimRules)) {
		for _, rule := range issuer.ClaimRules[pointer] {
			if isRule(rule) {
				s.rules = append(s.rules, rule)
			}
		}
	}
	// What is left has no pointers, except in these rules. Package fmt sorts maps and quotes
	// strings, so different settings have different texts.
	issuer.Keys, issuer.Opaque, issuer.Validate, issuer.WithoutAudience, issuer.Err = nil, nil, nil, nil, nil
	s.data = sha256.Sum256(fmt.Appendf(nil, "%#v %v %#v", issuer, hasWithout, without))
	return s
}

// isRule reports whether a value of ClaimRules decides itself. Its text does not tell it from
// others: all closures of one function have the same.
func isRule(value any) bool {
	switch value.(type) {
	case nil, bool, string:
		return false
	}
	return true
}

// isSame reports whether two issuers decide alike about every token. Functions cannot be
// compared, so issuers with a Validate hook never do.
func (s settings) isSame(other settings) bool {
	return s.data == other.data && !s.hasHook && !other.hasHook &&
		isSameValue(s.keys, other.keys) && isSameValue(s.opaque, other.opaque) && slices.EqualFunc(s.rules, other.rules, isSameValue)
}

func isSameValue(a, b any) bool {
	return a == nil && b == nil || a != nil && b != nil &&
		reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}
