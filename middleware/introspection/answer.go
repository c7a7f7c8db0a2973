package introspection

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/strict"
)

// An answer is what the endpoint has said about one token. It never changes.
type answer struct {
	payload string    // the claims; "" if the token is not active
	began   time.Time // when it was asked for: a revocation after that is not in it
	until   time.Time // it is used
	expires time.Time // by the exp of the token
	spent   bool      // it had expired when it came
}

func (a *answer) isActive() bool { return a.payload != "" }

// isFresh reports whether the answer is used without asking again, after so much longer.
func (a *answer) isFresh(now time.Time, longer time.Duration) bool {
	// By both clocks: one can stop while the machine sleeps, the other can be set.
	age, wallAge := now.Sub(a.began), now.Round(0).Sub(a.began.Round(0))
	life := a.until.Sub(a.began) + longer
	return age < life && wallAge >= 0 && wallAge < life && (!a.isActive() || a.spent || !a.hasExpired(now))
}

func (a *answer) hasExpired(now time.Time) bool { return !now.Round(0).Before(a.expires) }

// withoutExp is how long a token whose exp the issuer does not tell counts as one in use.
const withoutExp = 24 * time.Hour

// The reasons for which an answer cannot be used. They hold nothing of it.
var (
	errActive     = errors.New("the answer has no member active that is true or false")
	errNotAnswer  = errors.New("the answer is not one strict JSON object with claims of the right types")
	errNoResponse = errors.New("no answer in time")
)

// A reader turns answers into claims.
type reader struct {
	audience string        // of answers without one, or ""
	ttl      time.Duration // not negative
	stale    time.Duration
}

// read returns the answer in a JSON object (RFC 7662 section 2.2). The issuer's settings are not
// checked here, but for each request.
func (r reader) read(issuer, document string, began time.Time) (*answer, error) {
	active := ""
	has := map[string]bool{}
	err := strict.Object(document, func(name, value string) error {
		switch {
		case name == "active":
			active = value
		case isReplaced(name):
			has[name] = !isAbsent(name, value)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, errNotAnswer
	case active == "false":
		return &answer{began: began, until: began.Add(inactiveTTL)}, nil
	case active != "true":
		return nil, errActive
	}
	payload := r.complete(issuer, document, has, began)
	c, err := claims.ParseUnverified([]byte(payload))
	if err != nil {
		_, problem, _ := strings.Cut(err.Error(), "payload: ") // the name of a claim, and a fixed text
		return nil, fmt.Errorf("%w: %s", errNotAnswer, problem)
	}
	a := &answer{payload: payload, began: began, until: began.Add(r.ttl), expires: c.ExpiresAt()}
	switch {
	case !has["exp"]: // it is in the payload only, so that the token stays a known one
		a.expires = began.Add(withoutExp)
	case a.hasExpired(began):
		a.spent, a.until = true, began.Add(inactiveTTL)
	}
	return a, nil
}

// isReplaced reports whether the claim is added to an answer that lacks it.
func isReplaced(name string) bool { return name == "iss" || name == "exp" || name == "aud" }

// isAbsent reports whether a claim of this value counts as absent.
func isAbsent(name, value string) bool {
	empty := name == "aud" && value[0] == '[' && strings.Trim(value[1:len(value)-1], " \t\r\n") == ""
	return value == "null" || empty
}

// complete returns the answer with the claims that it lacks. iss is the issuer that was asked, exp
// the end of this answer, and aud what Config.ImpliedAudience says.
func (r reader) complete(issuer, document string, has map[string]bool, began time.Time) string {
	missing := map[string]string{}
	if !has["iss"] {
		missing["iss"] = quoted(issuer)
	}
	if !has["exp"] {
		life := r.ttl + r.stale
		if r.ttl == 0 {
			life += defaultTTL
		}
		// Rounded up: otherwise the token would expire before the answer.
		missing["exp"] = strconv.FormatInt(began.Add(life+time.Second-1).Unix(), 10)
	}
	if !has["aud"] && r.audience != "" {
		missing["aud"] = quoted(r.audience)
	}
	if len(missing) == 0 {
		return document
	}
	var members []string
	for _, name := range [...]string{"iss", "exp", "aud"} {
		if value, ok := missing[name]; ok {
			members = append(members, quoted(name)+":"+value)
		}
	}
	_ = strict.Object(document, func(name, value string) error { // it was read before
		if _, replaced := missing[name]; !replaced {
			members = append(members, quoted(name)+":"+value)
		}
		return nil
	})
	return "{" + strings.Join(members, ",") + "}"
}

// quoted returns s as a JSON string.
func quoted(s string) string {
	text, _ := json.Marshal(s) // a string can always be marshalled
	return string(text)
}
