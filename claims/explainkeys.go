package claims

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/claims/explain"
)

// A peeker is a KeySet that can be asked without a fetch: see Explain.
type peeker interface {
	Peek(alg, kid string) ([]Key, explain.KeySet, error)
}

// lookUp looks the key up, without a fetch unless the options ask for it.
func (e *explanation) lookUp(ctx context.Context) {
	set, canPeek := e.issuer.Keys.(peeker)
	var err error
	switch {
	case e.options.Fetch:
		err = e.v.check(ctx, &e.attempt, keyCheck)
	case !canPeek:
		e.noLookUp("the key set cannot be asked without a fetch")
		return
	}
	if canPeek {
		keys, about, peekError := set.Peek(e.header.alg, e.header.kid)
		e.keySet = about
		if !e.options.Fetch {
			e.keys, err = fitting(keys, peekError)
		}
	}
	var unavailable *UnavailableError
	if !e.options.Fetch && errors.As(err, &unavailable) && unavailable.Err == nil {
		e.noLookUp("no keys can be used now")
		return
	}
	e.keyError = err
	e.record(keyRow, err)
}

func (e *explanation) noLookUp(detail string) {
	e.notRun(keyRow, detail)
	e.notRun(signatureRow, "no key was looked up")
}

// describeKeys returns the keys of the set, or "" if they are not known.
func (e *explanation) describeKeys() string {
	set := e.keySet
	if set.State == "" && len(set.KeyIDs) == 0 {
		return ""
	}
	text := "the keys " + listed(set.KeyIDs)
	if len(set.KeyIDs) == 0 {
		text = "keys without a kid"
	}
	switch {
	case set.State != "" && set.Age > 0:
		text += fmt.Sprintf(" (%s, %s old)", plain(set.State, shownBytes), inWords(set.Age))
	case set.State != "":
		text += " (" + plain(set.State, shownBytes) + ")"
	}
	if !set.NextRefresh.IsZero() {
		text += ", next refresh " + e.relative(set.NextRefresh)
	}
	return text
}

// otherOwner returns the issuer, other than the token's, that has a key with its kid.
func (e *explanation) otherOwner() string {
	if e.header.kid == "" {
		return ""
	}
	for _, url := range e.trust.urls {
		set, canPeek := e.trust.issuers[url].Keys.(peeker)
		if !canPeek || url == e.issuer.URL {
			continue
		}
		// A set without any kid would return its keys for every kid.
		if _, about, _ := set.Peek(e.header.alg, e.header.kid); slices.Contains(about.KeyIDs, e.header.kid) {
			return url
		}
	}
	return ""
}

// issuerTime returns the time by the clock of the issuer, and whether it is known to differ
// from ours.
func (e *explanation) issuerTime() (time.Time, bool) {
	return e.now.Add(e.keySet.ClockDifference), e.keySet.ClockDifference != 0
}
