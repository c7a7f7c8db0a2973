package claims

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/internal/redact"
)

// A trust is the set of issuers that a Verifier trusts. It never changes: Replace puts another
// one in its place. A request uses one trust from its beginning to its end.
type trust struct {
	issuers    map[string]*Issuer
	urls       []string        // of issuers, in the order of the Config
	trimmed    map[string]bool // urls without the slash at their end
	algorithms []string        // that at least one issuer accepts
	generation uint64          // counts the trusts of one Verifier, from 1
	opaque     []opaqueRoute
}

// newTrust returns a trust of these issuers with their defaults filled in, and all mistakes. name
// is what the caller knows the issuers by. An issuer that is the same as in old is the same
// pointer, so that its remembered tokens stay.
func (v *Verifier) newTrust(name string, issuers []Issuer, old *trust) (*trust, []error) {
	var errs []error
	t := &trust{
		issuers: make(map[string]*Issuer, len(issuers)), trimmed: make(map[string]bool, len(issuers)),
		generation: old.generation + 1,
	}
	for _, issuer := range issuers {
		complete, err := issuer.withDefaults()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if t.issuers[issuer.URL] != nil {
			errs = append(errs, fmt.Errorf("claims: invalid %s: %q is a duplicate", name, redact.URL(issuer.URL)))
		}
		if before := old.issuers[issuer.URL]; before.isSame(complete) {
			complete = before
		}
		t.add(complete)
		if err := t.addOpaque(name, complete); err != nil {
			errs = append(errs, err)
		}
	}
	if len(issuers) == 0 && v.resolve == nil {
		errs = append(errs, fmt.Errorf("claims: invalid %s: at least one is required", name))
	}
	return t, errs
}

func (t *trust) add(issuer *Issuer) {
	t.issuers[issuer.URL] = issuer
	t.urls = append(t.urls, issuer.URL)
	t.trimmed[strings.TrimSuffix(issuer.URL, "/")] = true
	for _, alg := range issuer.Algorithms {
		if !slices.Contains(t.algorithms, alg) {
			t.algorithms = append(t.algorithms, alg)
		}
	}
}

// isSame reports whether two issuers decide alike about every token. Functions cannot be
// compared, so issuers with a Validate hook never do.
func (i *Issuer) isSame(other *Issuer) bool {
	if i == nil || !isSameValue(i.Keys, other.Keys) || !isSameValue(i.Opaque, other.Opaque) ||
		!maps.EqualFunc(i.ClaimRules, other.ClaimRules, areSameValues) {
		return false
	}
	a, b := *i, *other
	// The application may be changing what is in these, so that two of them can differ later.
	a.Keys, a.Opaque, a.ClaimRules, a.rules = nil, nil, nil, nil
	b.Keys, b.Opaque, b.ClaimRules, b.rules = nil, nil, nil, nil
	return reflect.DeepEqual(a, b) // false if one has a Validate
}

func areSameValues(a, b []any) bool { return slices.EqualFunc(a, b, isSameValue) }

func isSameValue(a, b any) bool {
	return a == nil && b == nil || reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// Replace trusts these issuers in place of those before. It takes effect as a whole, or not at
// all: an error reports all mistakes, and then nothing has changed.
//
// When Replace returns, each Verify that begins uses the new issuers. Tokens of an issuer that
// is not among them, or with settings under which they are not valid, are refused, remembered
// ones included. An issuer with the same settings and the same Keys keeps its remembered tokens,
// unless it has a Validate hook. Tokens of any other issuer are verified in full once more.
//
// At least one issuer is required, unless Config.Resolve is set. Replace makes no request, and
// is safe for concurrent use.
func (v *Verifier) Replace(issuers []Issuer) error {
	v.replacing.Lock()
	defer v.replacing.Unlock()
	t, errs := v.newTrust("issuers", issuers, v.trusted.Load())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	old := v.trusted.Swap(t)
	if gone := old.without(t); v.cache != nil && len(gone) > 0 {
		v.cache.forget(gone)
	}
	return nil
}

// without returns the issuers of t that next does not have, or not with these settings.
func (t *trust) without(next *trust) map[*Issuer]bool {
	gone := make(map[*Issuer]bool)
	for url, issuer := range t.issuers {
		if next.issuers[url] != issuer {
			gone[issuer] = true
		}
	}
	return gone
}

// issuerOf returns the issuer that iss names.
func (v *Verifier) issuerOf(ctx context.Context, t *trust, iss string) (*Issuer, error) {
	issuer := t.issuers[iss]
	switch {
	case issuer != nil:
		return issuer, nil
	case iss == "":
		return nil, refuse(ErrMissingClaim, "iss")
	case v.resolve != nil:
		return v.resolved(ctx, iss)
	case t.trimmed[strings.TrimSuffix(iss, "/")]:
		return nil, refuse(ErrIssuer, "iss differs from a configured issuer in the slash at its end")
	}
	return nil, refuse(ErrIssuer, "")
}

// resolved returns the issuer that Config.Resolve finds. An error says nothing about the token,
// unless it says that the issuer is not trusted.
func (v *Verifier) resolved(ctx context.Context, iss string) (*Issuer, error) {
	found, err := v.resolve(ctx, iss)
	switch {
	case errors.Is(err, ErrIssuer):
		return nil, refuse(ErrIssuer, "Config.Resolve knows no such issuer")
	case err != nil:
		return nil, &refusal{reason: ErrUnavailable, err: err}
	case found == nil:
		return nil, refuse(ErrUnavailable, "Config.Resolve returned neither a Verifier nor an error")
	}
	issuer := found.trusted.Load().issuers[iss]
	if issuer == nil {
		return nil, refuse(ErrUnavailable, "Config.Resolve returned a Verifier of other issuers")
	}
	return issuer, nil
}

// checkAlgorithm refuses an alg that no issuer accepts. Its token is not read any further. What
// an issuer accepts that Config.Resolve would find is not known yet.
func (v *Verifier) checkAlgorithm(t *trust, h header) error {
	switch {
	case strings.EqualFold(h.alg, "none"):
		return refuse(ErrAlgorithm, "the token is not signed")
	case v.resolve != nil && isAlgorithm(h.alg):
		return nil
	case !slices.Contains(t.algorithms, h.alg):
		return refuse(ErrAlgorithm, "")
	}
	return nil
}
