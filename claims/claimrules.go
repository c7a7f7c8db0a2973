package claims

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// A claimRule is an element of Issuer.ClaimRules, ready to be checked.
type claimRule struct {
	name    string   // of a top-level claim; otherwise the pointer
	path    []string // of the pointer
	allowed []any
}

// A matcher is a value of ClaimRules that decides itself about strings.
type matcher interface {
	Allows(claim string) bool
	String() string // for explanations
}

// copyClaimRules replaces ClaimRules by a copy, and prepares it. The rules are sorted, so that a
// refusal does not depend on the order in which a map is read.
func (i *Issuer) copyClaimRules() {
	i.ClaimRules, i.rules = maps.Clone(i.ClaimRules), nil
	for _, pointer := range slices.Sorted(maps.Keys(i.ClaimRules)) {
		i.ClaimRules[pointer] = slices.Clone(i.ClaimRules[pointer])
		path, _ := pointerPath(pointer) // ruleMistakes reports a malformed one
		i.rules = append(i.rules, claimRule{pointerName(pointer), path, i.ClaimRules[pointer]})
	}
}

// pointerPath returns the names in a JSON Pointer (RFC 6901 section 3). ok is false if the pointer
// is malformed or has an empty name.
func pointerPath(pointer string) (path []string, ok bool) {
	rest, ok := strings.CutPrefix(pointer, "/")
	for token := range strings.SplitSeq(rest, "/") {
		unescaped := strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		escapes := strings.Count(token, "~0") + strings.Count(token, "~1")
		if token == "" || escapes != strings.Count(token, "~") {
			return nil, false
		}
		path = append(path, unescaped)
	}
	return path, ok
}

// pointerName returns the name of a top-level claim, or the pointer to a nested one.
func pointerName(pointer string) string {
	if path, _ := pointerPath(pointer); len(path) == 1 {
		return path[0]
	}
	return pointer
}

// checkClaimRules requires one of the values for each claim. Only the first wrong one is named.
func checkClaimRules(c *Claims, rules []claimRule) error {
	for _, r := range rules {
		value, ok := c.pointed(r.path)
		if !ok || !slices.ContainsFunc(r.allowed, func(want any) bool { return isAllowed(value, want) }) {
			return refuse(ErrMissingClaim, r.name)
		}
	}
	return nil
}

// pointed returns the JSON text of the claim at path, or null if it is absent. ok is false if a
// claim on the way is neither absent, null nor an object. What an array says is not read, so it
// must not pass for absence: [{"suspended":true}] is not an object without suspended.
func (c *Claims) pointed(path []string) (value string, ok bool) {
	value, present := c.topLevel(path[0])
	for _, name := range path[1:] {
		switch {
		case !present, value == null:
			return null, true
		case value[0] != '{':
			return "", false
		}
		value, present = strict.Lookup(value, name)
	}
	if !present {
		return null, true
	}
	return value, true
}

// isAllowed compares a JSON text with a value of ClaimRules: a string, a bool, or nil for null. A
// matcher decides itself.
func isAllowed(text string, want any) bool {
	if text == null {
		return want == nil
	}
	switch want := want.(type) {
	case string:
		got, err := strict.Unquote(text)
		return err == nil && got == want
	case matcher:
		got, err := strict.Unquote(text)
		return err == nil && want.Allows(got)
	case bool:
		return text == strconv.FormatBool(want)
	}
	return false
}

// ruleMistakes returns what is wrong with ClaimRules and MustLimit. A rule that is missing because
// of what Err reports is not reported again.
func (i *Issuer) ruleMistakes() (problems []string) {
	add := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	add(i.Err == nil && i.ClaimRules != nil && len(i.ClaimRules) == 0, "ClaimRules is empty but not nil")
	for _, pointer := range slices.Sorted(maps.Keys(i.ClaimRules)) {
		_, ok := pointerPath(pointer)
		values := i.ClaimRules[pointer]
		add(!ok, `ClaimRules has %q, which is not a JSON Pointer such as "/kubernetes.io/namespace"`, pointer)
		add(len(values) == 0, "ClaimRules has no values for %q", pointer)
		add(slices.ContainsFunc(values, isUnusable), "ClaimRules has a value for %q that is neither a string, a bool nor nil", pointer)
		add(slices.Contains(values, any("")), "ClaimRules has an empty string for %q", pointer)
	}
	add(i.MustLimit != nil && len(i.MustLimit) == 0, "MustLimit is empty but not nil")
	add(i.Err == nil && len(i.MustLimit) > 0 && !slices.ContainsFunc(i.MustLimit, i.isLimited),
		"no rule limits whose tokens are accepted: ClaimRules needs %s", either(i.MustLimit))
	return problems
}

func isUnusable(value any) bool {
	switch value.(type) {
	case nil, bool, string:
		return false
	case matcher:
		return isNil(value)
	}
	return true
}

// isLimited reports whether a rule demands certain strings of the claim that pointer names.
func (i *Issuer) isLimited(pointer string) bool {
	notString := func(value any) bool { _, ok := value.(string); return !ok }
	if values := i.ClaimRules[pointer]; len(values) > 0 && !slices.ContainsFunc(values, notString) {
		return true
	}
	path, _ := pointerPath(pointer)
	return len(path) == 1 && (i.ClaimValues[path[0]] != "" || len(i.ClaimOneOf[path[0]]) > 0)
}
