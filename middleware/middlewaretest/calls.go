package middlewaretest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bearerguard/bearerguard/middleware"
)

// A Call sends a request to the route, and returns the answer, or why there is none.
// authorization and proofs are the values of its Authorization and DPoP fields, or of what the
// transport has instead. Each proof is for the Method and Path of the route, which must be the
// Method and Target of the [middleware.Request]. A Call is called from one goroutine at a time.
type Call func(route Route, authorization, proofs []string) (Answer, error)

// An Answer is what a [Call] received, in terms of HTTP.
type Answer struct {
	_ [0]func() // written with field names

	// Status is the HTTP status to which the transport's code corresponds: 200, 400, 401,
	// 403 or 503. Two of them must not share a code, or clients would not know what to do.
	Status int

	// Body is what Route.Serve returned, for a 200.
	Body string

	// Challenge is what the transport has instead of WWW-Authenticate.
	Challenge string

	// DPoPNonce is what the transport has instead of DPoP-Nonce. It is compared only for
	// refusals.
	DPoPNonce string

	// RetryAfter is how long to wait after a 503.
	RetryAfter time.Duration

	// NoChallenge and NoRetryAfter say that the transport cannot carry them, and no DPoPNonce
	// without a Challenge. They are not compared then.
	NoChallenge, NoRetryAfter bool
}

// RunCalls tests an adapter for a transport that does not serve an [http.Handler]. It calls
// newCall once for bearer tokens and once for tokens under DPoP, with the routes to declare.
//
// If a transport has several kinds of calls, such as streams, run RunCalls for each.
func RunCalls(t *testing.T, newCall func(auth *middleware.Middleware, routes []Route) Call) {
	t.Helper()
	report(t, callResults(newCall))
}

func callResults(newCall func(auth *middleware.Middleware, routes []Route) Call) results {
	return func(yield func(string, error) bool) {
		for _, f := range forms {
			if !f.newBench(nil).callTable(newCall, f.prefix, yield) {
				return
			}
		}
	}
}

// callTable yields the results of all cases, and returns false if yield does.
func (b *bench) callTable(
	newCall func(auth *middleware.Middleware, routes []Route) Call, prefix string, yield func(string, error) bool,
) bool {
	routes := b.callRoutes()
	call := newCall(b.auth, routes)
	for _, route := range routes {
		for _, c := range b.cases(route) {
			if !yield(prefix+route.Name+": "+c.rule, b.compareCall(call, route, c)) {
				return false
			}
		}
	}
	return true
}

func (b *bench) compareCall(call Call, route Route, c testCase) error {
	plain := answerOf(b.exchange(b.plain(route), route, c))
	expected := b.log.take()
	got, err := b.call(call, route, c)
	if err != nil {
		return err
	}
	return errors.Join(c.check(got), sameAnswer(plain, got), c.checkCalls(expected, b.log.take()))
}

// call is exchange for a Call.
func (b *bench) call(call Call, route Route, c testCase) (Answer, error) {
	f := b.fields(route, c)
	if c.replayed {
		if _, err := call(route, f.authorization, f.dpop); err != nil {
			return Answer{}, err
		}
		b.log.take()
	}
	return call(route, f.authorization, f.dpop)
}

// check compares an answer with the table.
func (c testCase) check(got Answer) error {
	var problems []error
	demand := func(what string, want, got any) {
		if want != got {
			problems = append(problems, fmt.Errorf("%s is %q, want %q", what, fmt.Sprint(got), fmt.Sprint(want)))
		}
	}
	demand("status", c.status, got.Status)
	if c.status == http.StatusOK {
		demand("handler's answer", c.body, got.Body)
	}
	if !got.NoRetryAfter {
		demand("time to retry after", c.retryAfter, got.RetryAfter)
	}
	if !got.NoChallenge {
		demand("error of the challenge", c.code, parameter(got.Challenge, "error"))
		demand("scope of the challenge", c.scope, parameter(got.Challenge, "scope"))
		challenged := c.status >= http.StatusBadRequest && c.status < http.StatusInternalServerError
		demand("there is a challenge:", challenged, got.Challenge != "")
	}
	return errors.Join(problems...)
}

// parameter returns the value of a parameter of a challenge. It does not unescape the
// value, which only the realm would need.
func parameter(challenge, name string) string {
	_, rest, found := strings.Cut(challenge, ", "+name+`="`)
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// sameAnswer compares an answer with that of net/http.
func sameAnswer(plain, got Answer) error {
	var problems []error
	if plain.Status != got.Status {
		problems = append(problems, fmt.Errorf("status is %d; with net/http it is %d", got.Status, plain.Status))
	}
	if !got.NoChallenge && plain.Challenge != got.Challenge {
		problems = append(problems, fmt.Errorf("challenge is\n\t%s\nwith net/http it is\n\t%s", got.Challenge, plain.Challenge))
	}
	if !got.NoChallenge && got.Status != http.StatusOK && plain.DPoPNonce != got.DPoPNonce {
		problems = append(problems, fmt.Errorf("DPoP nonce is %q; with net/http it is %q", got.DPoPNonce, plain.DPoPNonce))
	}
	if !got.NoRetryAfter && plain.RetryAfter != got.RetryAfter {
		problems = append(problems, fmt.Errorf("retry after %s; with net/http it is %s", got.RetryAfter, plain.RetryAfter))
	}
	return errors.Join(problems...)
}

// checkCalls reports what was wrong on the server while it answered c. plain is what happened
// with net/http.
func (c testCase) checkCalls(plain, got calls) error {
	var problems []error
	switch {
	case c.status == http.StatusOK && got.served != 1:
		problems = append(problems, fmt.Errorf("the handler ran %d times", got.served))
	case c.status != http.StatusOK && got.served != 0:
		problems = append(problems, errors.New("the handler ran after a refusal"))
	}
	if got.differed {
		problems = append(problems, errors.New("the accessor returned other claims than the handler's context has"))
	}
	if got.verified > 1 {
		problems = append(problems, fmt.Errorf("the token was verified %d times for one request", got.verified))
	}
	return errors.Join(append(problems, c.checkDecisions(plain, got)...)...)
}

// checkDecisions reports decisions that differ from those of net/http, which are checked
// themselves: one for each request, and one more for each layer within the first.
func (c testCase) checkDecisions(plain, got calls) (problems []error) {
	requests := 0
	for _, d := range got.decisions {
		if !d.Nested {
			requests++
		}
	}
	if requests != 1 {
		problems = append(problems, fmt.Errorf("%d decisions about one request that are not nested", requests))
	}
	if !slices.Equal(plain.decisions, got.decisions) {
		problems = append(problems, fmt.Errorf("decisions are %v, with net/http they are %v", got.decisions, plain.decisions))
	}
	if n := len(got.decisions); n > 0 && got.decisions[n-1].Outcome != c.outcome() {
		problems = append(problems, fmt.Errorf("the last decision is %v", got.decisions[n-1]))
	}
	if len(slices.Compact(got.transports)) > 1 {
		problems = append(problems, fmt.Errorf("the transports of the decisions are %q", got.transports))
	}
	return problems
}

// outcome returns the Outcome of the decision that answers c.
func (c testCase) outcome() string {
	switch {
	case c.status == http.StatusOK:
		return "ok"
	case c.status == http.StatusForbidden:
		return "forbidden"
	case c.status == http.StatusServiceUnavailable:
		return "unavailable"
	case c.code == "":
		return "missing"
	}
	return "refused"
}
