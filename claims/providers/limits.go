package providers

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// limits are the ClaimRules of an Issuer, with the mistakes in what the caller wrote.
type limits struct {
	rules map[string][]any
	errs  []error
}

func newLimits() *limits { return &limits{rules: make(map[string][]any)} }

// A form is what the values of a field look like.
type form struct {
	pattern *regexp.Regexp
	example string // for an error: what to write
}

// oneOf demands one of the values of a field. A nil list demands nothing. An empty one is a mistake,
// because a missing configuration value often becomes an empty list, which must not skip a rule.
func (l *limits) oneOf(field string, values []string, f form, pointer string) {
	switch {
	case values == nil:
		return
	case len(values) == 0:
		l.errs = append(l.errs, fmt.Errorf("%s is empty but not nil", field))
		return
	}
	known := len(l.errs)
	for _, value := range values {
		if !f.pattern.MatchString(value) {
			l.errs = append(l.errs, fmt.Errorf("%s has %q: write %s", field, value, f.example))
		}
	}
	if len(l.errs) == known { // otherwise the claims.Issuer would report the same again
		l.demand(pointer, anyOf(values)...)
	}
}

// ifPresent demands one of the values of a claim that newer tokens have. nil demands nothing.
func (l *limits) ifPresent(pointer string, values []string) {
	if values != nil {
		l.demand(pointer, append(anyOf(values), nil)...)
	}
}

// demand adds a rule. It is also for the rules that do not come from the caller.
func (l *limits) demand(pointer string, values ...any) { l.rules[pointer] = values }

// check adds a mistake, if there is one.
func (l *limits) check(bad bool, problem string) {
	if bad {
		l.errs = append(l.errs, errors.New(problem))
	}
}

func (l *limits) checkHost(name string) { l.errs = append(l.errs, checkHost(name)) }

func (l *limits) err() error { return errors.Join(l.errs...) }

func anyOf(values []string) []any {
	list := make([]any, len(values))
	for n, value := range values {
		list[n] = value
	}
	return list
}

// orDefault returns the values of a field, or the default if the caller wrote nothing.
func orDefault(values []string, fallback ...string) []string {
	if values == nil {
		return slices.Clone(fallback)
	}
	return values
}

var (
	anyText = form{regexp.MustCompile(`^[^\s\pC]([^\pC]*[^\s\pC])?$`), "a name, without white space around it or characters that cannot be printed"}

	// fullRef has the characters that git allows in a reference (git-check-ref-format).
	fullRef = form{regexp.MustCompile(`^refs/[^/\s\pC*?[\\~^:]+/[^\s\pC*?[\\~^:]+$`), "the full reference, such as refs/heads/main, without a wildcard"}
)
