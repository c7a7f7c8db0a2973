package revocation

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/internal/logout"
	"github.com/bearerguard/bearerguard/internal/redact"
)

// A LogoutIssuer is an issuer that sends logout tokens to [List.LogoutHandler]. Issuer and
// ClientIDs are required.
type LogoutIssuer struct {
	_ [0]func() // written with field names

	// Issuer is the one whose access tokens the API accepts. Its URL, Keys, Algorithms, Leeway
	// and MaxLifetime are used. Keys are required, because logout tokens are signed, and so is
	// MaxLifetime.
	Issuer claims.Issuer

	// ClientIDs are what the API, or the application in front of it, is registered as at the
	// issuer. aud of a logout token must have one of them. They are no audiences of access
	// tokens.
	ClientIDs []string

	// AllSessions makes a logout token with sid and sub cut off the user, not only the session.
	// It then cuts off all tokens of the user that were issued until then. Set it if the access
	// tokens of the issuer have no sid, such as those of Auth0: otherwise the end of a session
	// cuts off none of them.
	AllSessions bool
}

// LogoutHandler returns a handler of logout requests (OpenID Connect Back-Channel Logout 1.0), or
// an error that reports every mistake. Its URL is what is registered at the identity provider as
// backchannel_logout_uri. It makes no request.
//
// A logout token that names a session (sid) cuts off the session. One that names only a user
// (sub) cuts off the tokens of the user that were issued until then. One that has both cuts off
// only the session: if the access tokens of the issuer have no sid, it ends nothing unless
// AllSessions of the LogoutIssuer is set.
//
// A logout token is verified with the keys of its issuer. So the handler needs no other
// authentication, but each request can cost a signature check. A token is accepted once, until
// two minutes and the Leeway after its iat, or until its exp and the Leeway if that is earlier.
// It must have exp, as the final specification demands; older providers do not write it. Each
// process remembers up to 65,536 tokens that it has carried out. A second use of any other one, or
// at another process, cuts off nothing that the first use did not.
//
// The answer is 200 when the entry is on the list, and in its server. It is 400 for a request
// that is refused, and, as the specification demands, for a logout that could not be carried
// out, because the keys or the server of the list are unavailable. Providers do not send a
// logout again. So an entry that the server did not take is sent again, as by [List.Add].
func (l *List) LogoutHandler(issuers ...LogoutIssuer) (http.Handler, error) {
	var errs []error
	if len(issuers) == 0 {
		errs = append(errs, errors.New("revocation: LogoutHandler needs at least one LogoutIssuer"))
	}
	h := &logoutHandler{list: l, verifier: make(logout.Verifier), allSessions: make(map[string]bool)}
	for _, i := range issuers {
		errs = append(errs, i.mistakes())
		if l.lifetimes.unlimited(i.Issuer.URL) {
			errs = append(errs, fmt.Errorf("revocation: invalid LogoutIssuer %q: List.Protect was called with it, and with a MaxLifetime of 0", redact.URL(i.Issuer.URL)))
		}
		if _, known := h.verifier[i.Issuer.URL]; known {
			errs = append(errs, fmt.Errorf("revocation: LogoutIssuer %q is a duplicate", redact.URL(i.Issuer.URL)))
		}
		h.verifier[i.Issuer.URL], h.allSessions[i.Issuer.URL] = i.profile(), i.AllSessions
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, i := range issuers {
		l.lifetimes.set(i.Issuer.URL, i.Issuer.MaxLifetime)
	}
	return h, nil
}

func (i *LogoutIssuer) mistakes() error {
	// The Issuer must be one that a verifier accepts.
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{i.Issuer}, CacheEntries: -1})
	errs := []error{err}
	report := func(bad bool, text string) {
		if bad {
			errs = append(errs, fmt.Errorf("revocation: invalid LogoutIssuer %q: %s", redact.URL(i.Issuer.URL), text))
		}
	}
	report(i.Issuer.Keys == nil, "Issuer.Keys is nil: logout tokens are signed")
	report(i.Issuer.MaxLifetime == 0, "Issuer.MaxLifetime is 0: the end of a session must be remembered for as long as its longest token")
	report(len(i.ClientIDs) == 0, "ClientIDs is empty")
	report(slices.Contains(i.ClientIDs, ""), "ClientIDs has an empty value")
	return errors.Join(errs...)
}

// defaultAlgorithms are those of claims.Issuer.
var defaultAlgorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
}

const defaultLeeway = 5 * time.Second // as that of claims.Issuer

func (i *LogoutIssuer) profile() logout.Issuer {
	p := logout.Issuer{
		URL: i.Issuer.URL, ClientIDs: slices.Clone(i.ClientIDs), Keys: i.Issuer.Keys,
		Algorithms: slices.Clone(i.Issuer.Algorithms), Leeway: i.Issuer.Leeway,
	}
	if p.Algorithms == nil {
		p.Algorithms = defaultAlgorithms
	}
	if p.Leeway == 0 {
		p.Leeway = defaultLeeway
	}
	return p
}

// maxSeen bounds the logout tokens that are remembered. They are good for two minutes.
const maxSeen = 1 << 16

var errSeen = errors.New("its jti was used before")

// seenTokens are the logout tokens that were carried out and are not yet too old. Only verified
// ones are entered.
type seenTokens struct {
	mu    sync.Mutex        // guards the field below
	until map[key]time.Time // when each of them is refused for its age
}

// add returns errSeen for a token that is remembered. One more than can be remembered is carried
// out nevertheless: a second use cuts off nothing that the first use did not, and a logout that is
// refused leaves a session open.
func (s *seenTokens) add(id key, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, found := s.until[id]; found {
		return errSeen
	}
	if len(s.until) >= maxSeen {
		s.forget(time.Now())
	}
	if len(s.until) >= maxSeen {
		return nil
	}
	if s.until == nil {
		s.until = make(map[key]time.Time)
	}
	s.until[id] = until
	return nil
}

// forget drops the tokens that are too old. The caller must hold mu.
func (s *seenTokens) forget(now time.Time) {
	for id, until := range s.until {
		if !now.Before(until) {
			delete(s.until, id)
		}
	}
}

func (s *seenTokens) remove(id key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, id)
}
