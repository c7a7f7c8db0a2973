package claims

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/internal/mldsa"
	"github.com/bearerguard/bearerguard/internal/redact"
)

// mistakes returns an error that reports all mistakes in i. An empty list is one: a missing
// configuration value often becomes an empty list, which must not skip a check.
func (i *Issuer) mistakes() error {
	m := issuerMistakes{issuer: redact.URL(i.URL)}
	m.add(i.URL == "", "URL is empty")
	for _, err := range eachOf(i.Err) {
		m.add(true, "%w", err)
	}
	m.addAll(i.sourceProblems())
	m.addAll(i.unmatchable())
	m.add(len(i.Audiences) == 0 && i.WithoutAudience == nil, "Audiences is empty")
	m.add(slices.Contains(i.Audiences, ""), "Audiences has an empty value")
	i.reportHeader(&m)
	i.reportClaims(&m)
	m.addAll(i.ruleMistakes())
	i.reportScopes(&m)
	m.add(i.Leeway < 0 || i.Leeway > maxLeeway, "Leeway %v is not between 0 and %v", i.Leeway, maxLeeway)
	m.add(i.MaxLifetime < 0 || 0 < i.MaxLifetime && i.MaxLifetime < time.Second,
		"MaxLifetime %v is not at least 1s", i.MaxLifetime)
	i.WithoutAudience.report(&m)
	return errors.Join(m.errs...)
}

// issuerMistakes are what is wrong with an Issuer.
type issuerMistakes struct {
	issuer string // without a password
	errs   []error
}

func (m *issuerMistakes) add(bad bool, format string, args ...any) {
	if bad {
		m.errs = append(m.errs, fmt.Errorf("claims: invalid Issuer %q: "+format, append([]any{m.issuer}, args...)...))
	}
}

func (m *issuerMistakes) addAll(problems []string) {
	for _, problem := range problems {
		m.add(true, "%s", problem)
	}
}

// reportHeader reports what is wrong with the accepted values of alg and typ.
func (i *Issuer) reportHeader(m *issuerMistakes) {
	m.add(len(i.Algorithms) == 0, "Algorithms is empty but not nil")
	for _, alg := range i.Algorithms {
		m.add(!isAlgorithm(alg), "algorithm %q is not supported", alg)
		if missing := missingFor(alg); missing != nil {
			m.add(true, "algorithm %q: %w", alg, missing)
		}
	}
	m.add(i.mixesAlgorithms(), "Algorithms mixes HMAC with public-key algorithms")
	m.add(len(i.TokenTypes) == 0, "TokenTypes is empty but not nil")
	for _, typ := range i.TokenTypes {
		m.add(slices.Contains(otherTokenTypes, typ), "token type %q is never an access token", typ)
	}
}

// reportClaims reports what is wrong with the required claims and their values.
func (i *Issuer) reportClaims(m *issuerMistakes) {
	m.add(slices.Contains(i.RequiredClaims, ""), "RequiredClaims has an empty name")
	m.add(i.RequiredAny != nil && len(i.RequiredAny) == 0, "RequiredAny is empty but not nil")
	m.add(slices.Contains(i.RequiredAny, ""), "RequiredAny has an empty name")
	m.add(i.ClaimValues != nil && len(i.ClaimValues) == 0, "ClaimValues is empty but not nil")
	m.add(hasEmpty(i.ClaimValues), "ClaimValues has an empty name or value")
	m.add(i.ClaimOneOf != nil && len(i.ClaimOneOf) == 0, "ClaimOneOf is empty but not nil")
	for name, values := range i.ClaimOneOf {
		m.add(name == "" || len(values) == 0 || slices.Contains(values, ""), "ClaimOneOf has an empty name, list or value")
	}
}

func (i *Issuer) reportScopes(m *issuerMistakes) {
	m.add(i.AllowedScopes != nil && len(i.AllowedScopes) == 0, "AllowedScopes is empty but not nil")
	m.add(slices.Contains(i.AllowedScopes, ""), "AllowedScopes has an empty scope")
	m.add(len(i.ScopeClaims) == 0, "ScopeClaims is empty but not nil")
	for _, path := range i.ScopeClaims {
		m.add(len(path) == 0 || slices.Contains(path, ""), "ScopeClaims has an empty path or name")
	}
}

// report reports what is wrong with the conditions. nil has no mistakes.
func (w *WithoutAudience) report(m *issuerMistakes) {
	if w == nil {
		return
	}
	m.add(len(w.ClientIDs) == 0, "WithoutAudience.ClientIDs is empty")
	m.add(slices.Contains(w.ClientIDs, ""), "WithoutAudience.ClientIDs has an empty value")
	m.add(w.ClaimValues != nil && len(w.ClaimValues) == 0, "WithoutAudience.ClaimValues is empty but not nil")
	m.add(hasEmpty(w.ClaimValues), "WithoutAudience.ClaimValues has an empty name or value")
}

// eachOf returns the errors that errors.Join has joined, so that each gets a line of its own. An
// error that wraps several in a text of its own stays as it is.
func eachOf(err error) []error {
	if err == nil {
		return nil
	}
	if wrapping, ok := err.(interface{ Unwrap() []error }); ok {
		if joined := errors.Join(wrapping.Unwrap()...); joined != nil && joined.Error() == err.Error() {
			return wrapping.Unwrap()
		}
	}
	return []error{err}
}

func isAlgorithm(alg string) bool { return isAsymmetric(alg) || isSymmetric(alg) }

func isAsymmetric(alg string) bool {
	return slices.Contains(asymmetricAlgorithms, alg) || mldsa.IsAlgorithm(alg)
}

func isSymmetric(alg string) bool { return slices.Contains(symmetricAlgorithms, alg) }

// missingFor returns why this program cannot verify an algorithm that others can, or nil.
func missingFor(alg string) error {
	if !mldsa.IsAlgorithm(alg) {
		return nil
	}
	return mldsa.Missing()
}

// mixesAlgorithms reports whether HMAC is listed with public-key algorithms. A public key
// could then be used as an HMAC secret (RFC 8725 section 2.1).
func (i *Issuer) mixesAlgorithms() bool {
	symmetric := func(alg string) bool { return strings.HasPrefix(alg, "HS") }
	asymmetric := func(alg string) bool { return !symmetric(alg) }
	return slices.ContainsFunc(i.Algorithms, symmetric) && slices.ContainsFunc(i.Algorithms, asymmetric)
}

// isNil reports whether a dependency is nil or holds a nil pointer. A caller that ignores a
// constructor's error leaves such a pointer.
func isNil(dependency any) bool {
	if dependency == nil {
		return true
	}
	v := reflect.ValueOf(dependency)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

func hasEmpty(values map[string]string) bool {
	for name, value := range values {
		if name == "" || value == "" {
			return true
		}
	}
	return false
}
