// Package explain has the report that says why a token is accepted or refused. The Explain
// method of [github.com/bearerguard/bearerguard/claims.Verifier] makes it, and the command
// bearerguard prints it.
//
// A Report is for people who look for a mistake. It is no decision: it has no claims, it does
// not know the proofs of a request, and it does not run the hooks of the application. No
// program should let a request through because of a Report.
package explain

import (
	"log/slog"
	"time"
)

// A Result says what became of a check.
type Result string

// The results of a [Step].
const (
	Pass Result = "pass"
	Fail Result = "fail"
	// NotReached: an earlier check has failed, and this one needs what it would have found.
	NotReached Result = "not_reached"
	// NotRun: the check needs more than a token. That is the request, a proof, a hook of the
	// application, or a fetch that was not asked for.
	NotRun Result = "not_run"
)

// A Report has all checks of one token, in the order in which a Verifier makes them. It is a
// copy, and safe for concurrent use while no goroutine changes it.
type Report struct {
	At     time.Time // when the token was judged, by the clock of the Verifier
	Issuer string    // the configured issuer that the token names, or ""
	Steps  []Step
}

// A Step is one check of a [Report].
type Step struct {
	// Check is the name of the check, such as "aud". It does not change between versions.
	Check  string
	Result Result

	// Reason is the code of claims.Reason for a Fail. Detail is a fixed text beside it, or "".
	Reason string
	Detail string

	// Expected is what the configuration or the standard demands. Received is what the token
	// has instead: printable ASCII, and cut where it is long. Both can be empty.
	Expected string
	Received string

	Standard string // such as "RFC 7519 section 4.1.3", or ""
	Hint     string // what to change, or ""
}

// Deciding returns the Check of the first Step that fails, or "" if none does. A Verifier
// refuses the token for this Step. "" is no permission: some steps are not run.
func (r Report) Deciding() string {
	for _, s := range r.Steps {
		if s.Result == Fail {
			return s.Check
		}
	}
	return ""
}

// LogValue returns the configured issuer, the deciding check and its reason, and nothing of
// the token.
func (r Report) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("issuer", r.Issuer), slog.String("deciding", r.Deciding())}
	for _, s := range r.Steps {
		if s.Result == Fail {
			attrs = append(attrs, slog.String("reason", s.Reason))
			break
		}
	}
	return slog.GroupValue(attrs...)
}

// Options say how far an explanation goes. The zero Options make no request.
type Options struct {
	// Fetch lets the key set fetch keys, as for a request. By default the keys are looked up
	// in what is there.
	Fetch bool

	// Scopes are the scopes that a route needs. Without them, the policies are not run.
	Scopes []string
}

// A KeySet describes a set of keys when a key was looked up in it without a fetch. A KeySet of the
// application returns it from its Peek method: see the Explain method.
// The zero KeySet says nothing.
type KeySet struct {
	State       string        // such as jwks.StateFresh
	Age         time.Duration // of the set
	KeyIDs      []string      // of the usable keys
	NextRefresh time.Time     // earliest time

	// ClockDifference is how far the issuer's clock is ahead of ours, in whole seconds. It is
	// taken from the Date field of the latest answer (RFC 9110 section 6.6.1), and 0 if that is not
	// known.
	ClockDifference time.Duration
}
