package providers

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
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
	for n, value := range values {
		switch {
		case !f.pattern.MatchString(value):
			l.errs = append(l.errs, fmt.Errorf("%s has %q: write %s", field, value, f.example))
		case slices.Contains(values[:n], value):
			l.errs = append(l.errs, fmt.Errorf("%s has the duplicate %q", field, value))
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

// notBelow is a value of ClaimRules: every string that does not begin with this prefix.
type notBelow string

func (prefix notBelow) Allows(claim string) bool { return !strings.HasPrefix(claim, string(prefix)) }

func (prefix notBelow) String() string { return "not below " + string(prefix) }

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

// checkAudience reports an audience that callers have asked for on behalf of another service. An
// API that accepted it could be sent the tokens that this service gets, and could use its own
// callers' tokens there. bad says whether it is one of this issuer's, and problem what it is.
func (l *limits) checkAudience(audience string, bad bool, problem string) {
	isOther := func(prefix string) bool { return strings.HasPrefix(audience+"/", prefix) }
	switch {
	case audience == "": // the claims.Issuer reports it
	case bad:
		l.check(true, problem)
	case slices.ContainsFunc(othersAudiences, isOther):
		l.errs = append(l.errs, fmt.Errorf("the audience must be the API's own: callers ask for %q for another service", audience))
	}
}

// othersAudiences begin the audiences that the documentation of clouds tells callers to ask for.
// They are for federation with AWS, Azure and Google, and for the API server of Kubernetes. Each
// ends in the slash that can follow it.
var othersAudiences = []string{
	"sts.amazonaws.com/",
	"api://AzureADTokenExchange/",
	"//iam.googleapis.com/", "https://iam.googleapis.com/",
	"https://kubernetes.default.svc/", "https://kubernetes.default.svc.cluster.local/",
}

var (
	anyText = form{regexp.MustCompile(`^[^\s\pC*,{}<>]([^\pC*,{}<>]*[^\s\pC*,{}<>])?$`), "a name, without white space around it, a comma, a wildcard, or characters that cannot be printed"}

	// fullRef has the characters that git allows in a reference (git-check-ref-format), without
	// the comma of a list that was not split.
	fullRef = form{regexp.MustCompile(`^refs/[^/\s\pC*?[\\~^:,]+/[^\s\pC*?[\\~^:,]+$`), "the full reference, such as refs/heads/main, without a wildcard"}

	// jobSource is how GitHub and GitLab write what started a job.
	jobSource = form{regexp.MustCompile(`^[a-z][a-z0-9_]*$`), "a name such as push"}
)
