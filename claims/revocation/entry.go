package revocation

import (
	"fmt"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A Kind says what an [Entry] cuts off. The values are stable codes for configuration, logs and
// metrics.
type Kind string

// The kinds of entries. Each is of one issuer.
const (
	// Token is one token, by its jti.
	Token Kind = "token"
	// Session is all tokens of a session at the issuer, by their sid. The issuer must write
	// sid into access tokens.
	Session Kind = "session"
	// Subject is all tokens of a user that were issued before some time, by their sub.
	Subject Kind = "subject"
	// Client is all tokens of a client that were issued before some time, by what
	// Claims.ClientID returns.
	Client Kind = "client"
	// Issuer is all tokens of the issuer that were issued before some time.
	Issuer Kind = "issuer"
)

// An Entry cuts off the tokens of one issuer that it describes. A later NotBefore replaces an
// earlier one, and an earlier one never shortens a later one.
type Entry struct {
	_ [0]func() // written with field names

	// Kind is required.
	Kind Kind

	// Issuer is the URL of the issuer, exactly as in iss. It is required. One that differs from an
	// issuer of List.Protect only in the slash at its end is an error of Add.
	Issuer string

	// ID is the jti, sid, sub or client. It is required, and at most 1,024 bytes; an entry of
	// kind Issuer has none.
	ID string

	// NotBefore is for the kinds Subject, Client and Issuer: tokens that were issued up to then
	// are refused. It defaults to the time of Add, and is at most a day ahead. Five seconds are
	// added, because the clocks of this program and of the issuer differ. Tokens without a
	// usable iat are refused.
	NotBefore time.Time

	// ExpiresAt is for the kind Token: its exp. It is required unless the issuer has a
	// MaxLifetime. Entries of the other kinds live for the MaxLifetime.
	ExpiresAt time.Time
}

// A kind is a Kind as an index.
type kind uint8

const (
	tokenKind kind = iota
	sessionKind
	subjectKind
	clientKind
	issuerKind
	numKinds
)

var kindNames = [numKinds]Kind{Token, Session, Subject, Client, Issuer}

func kindOf(name Kind) (kind, bool) {
	for k, n := range kindNames {
		if n == name {
			return kind(k), true
		}
	}
	return 0, false
}

// hasThreshold reports whether entries of this kind refuse only tokens issued before some time.
func (k kind) hasThreshold() bool { return k >= subjectKind }

// of returns the identifier that c has for this kind, and false if it has none.
func (k kind) of(c *claims.Claims) (id string, ok bool) {
	switch k {
	case tokenKind:
		id = c.ID()
	case sessionKind:
		id = c.SessionID()
	case subjectKind:
		id = c.Subject()
	case clientKind:
		id = c.ClientID()
	default:
		return "", true
	}
	return id, id != ""
}

const (
	maxIssuerBytes = 2048
	maxIDBytes     = 1024

	// applicationSkew is how far the clock of the application can be behind that of the issuer.
	// The application says NotBefore, and the issuer writes iat.
	applicationSkew = 5 * time.Second

	// maxAhead bounds NotBefore. A later one is a mistake, such as milliseconds.
	maxAhead = 24 * time.Hour

	// margin is how much longer an entry lives than the tokens that it refuses: the largest
	// Leeway that package claims allows. The clocks of the processes that share a list may
	// differ as well.
	margin = 5 * time.Minute

	// removalLives is how long a removal is kept for processes that missed it.
	removalLives = time.Hour
)

// A change is an addition to the list, or a removal from it, with the identifiers in clear.
type change struct {
	kind               kind
	issuer, id         string
	removed            bool
	threshold, expires second
	givenBack          bool // an addition that the server had, and has lost
}

// record returns a change as a part of the list.
func (c change) record(s *seeds) record {
	r := record{s.key(c.kind, c.issuer, c.id), c.threshold, c.expires}
	switch {
	case c.removed:
		return record{key: r.key}
	case !c.kind.hasThreshold():
		r.threshold = always
	}
	return r
}

// identity returns a change without times, or what is wrong with them.
func (e *Entry) identity() (change, error) {
	k, known := kindOf(e.Kind)
	var problem string
	switch {
	case !known:
		problem = fmt.Sprintf("Kind %q: it is not one of %q", e.Kind, kindNames)
	case e.Issuer == "" || len(e.Issuer) > maxIssuerBytes:
		problem = fmt.Sprintf("Issuer: it does not have 1 to %d bytes", maxIssuerBytes)
	case k == issuerKind && e.ID != "":
		problem = "ID: an entry of kind issuer has none"
	case k != issuerKind && (e.ID == "" || len(e.ID) > maxIDBytes):
		problem = fmt.Sprintf("ID: it does not have 1 to %d bytes", maxIDBytes)
	default:
		return change{kind: k, issuer: e.Issuer, id: e.ID}, nil
	}
	return change{}, fmt.Errorf("revocation: invalid Entry.%s", problem)
}

// addition returns the change that adds an entry to the list, or what is wrong with it. lifetime
// is the MaxLifetime of its issuer; 0 if that is not known.
func (e *Entry) addition(now time.Time, skew, lifetime time.Duration) (change, error) {
	c, err := e.identity()
	if err == nil {
		err = e.mistakeInTimes(c.kind, now, lifetime)
	}
	switch {
	case err != nil:
		return change{}, err
	case !e.ExpiresAt.IsZero():
		c.expires = ceil(e.ExpiresAt).plus(margin)
		return c, nil
	}
	// When the last token that it refuses was issued: iat can be ahead by the Leeway, and the
	// same Leeway counts again when the token expires.
	last := now.Add(margin)
	if c.kind.hasThreshold() {
		last = now
		notBefore := e.NotBefore
		if notBefore.IsZero() {
			notBefore = now
		}
		c.threshold = ceil(notBefore).plus(skew)
		if notBefore.After(last) {
			last = notBefore
		}
	}
	c.expires = ceil(last).plus(skew).plus(lifetime).plus(margin)
	return c, nil
}

func (e *Entry) mistakeInTimes(k kind, now time.Time, lifetime time.Duration) error {
	switch {
	case k != tokenKind && !e.ExpiresAt.IsZero():
		return fmt.Errorf("revocation: invalid Entry.ExpiresAt: an entry of kind %s lives for the MaxLifetime of its issuer", e.Kind)
	case !k.hasThreshold() && !e.NotBefore.IsZero():
		return fmt.Errorf("revocation: invalid Entry.NotBefore: an entry of kind %s refuses every token that has its ID", e.Kind)
	case e.NotBefore.After(now.Add(maxAhead)):
		return fmt.Errorf("revocation: invalid Entry.NotBefore %v: it is more than a day ahead", e.NotBefore.UTC())
	case lifetime == 0 && e.ExpiresAt.IsZero():
		return fmt.Errorf("revocation: an entry of kind %s must live as long as the longest token of %q: %s", e.Kind, e.Issuer, missingLifetime(k))
	}
	return nil
}

func missingLifetime(k kind) string {
	const protect = "set MaxLifetime of the issuer, and call List.Protect with it"
	if k == tokenKind {
		return "set Entry.ExpiresAt, or " + protect
	}
	return protect
}

// removal returns the change that takes an entry from the list, or what is wrong with it.
func (e *Entry) removal(now time.Time) (change, error) {
	c, err := e.identity()
	c.removed, c.expires = true, ceil(now).plus(removalLives)
	return c, err
}
