package middleware

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/redact"
	"github.com/bearerguard/bearerguard/jwks"
)

// Replace trusts these issuers in place of those before, as [claims.Verifier.Replace] does. It
// takes effect as a whole, or not at all: an error reports all mistakes, and then nothing has
// changed. A request that begins after Replace has returned is judged by the new issuers. Within
// a request that runs for long, [Guard.Check] follows after a second, and [Middleware.UntilExpiry]
// within 30 seconds. Status, Run, Ready and the handler of ResourceMetadata follow. Once there are
// several issuers, answers do not tell them apart any more, even if only one is left later.
//
// An issuer whose Keys are nil gets a key cache, as in the Config. It keeps the one that it has,
// with its keys, if its URL and JWKSURL are those of an issuer before: a change of anything else
// fetches nothing. An issuer that was in the Config of New can have a private address. Any other
// one is dialled on public addresses only, unless Config.PrivateHosts names its host; over https only,
// unless Config.InsecureHTTPHosts names it; and no redirect is followed. A proxy resolves names
// itself, and a Config.Client whose Transport is no *http.Transport may need to enforce the rule on
// addresses itself: see PrivateHosts and Client of [jwks.Config].
//
// The metadata publish those of Config.AuthorizationServers that are still issuers. If none is
// left, they publish none: clients do not find out then where to get a token. With Config.Tenants
// they publish all of them, because each can be the issuer of a tenant.
//
// Replace makes no request, and is safe for concurrent use. It cannot be used with a
// Config.Verifier: call its Replace.
func (m *Middleware) Replace(issuers []claims.Issuer) (err error) {
	m.replacing.Lock()
	defer m.replacing.Unlock()
	defer func() { m.noteReplaced(err) }()
	v, ok := m.verifier.(*claims.Verifier)
	if !ok || m.fetching == nil {
		return errors.New("middleware: Replace cannot be used with Config.Verifier, which has issuers of its own")
	}
	next := m.fetching.next(issuers)
	complete, problems := next.complete("issuers", issuers)
	problems = append(problems, m.checkPublished(issuers)...)
	if len(problems) > 0 {
		return errors.Join(append(problems, mistakesIn(complete))...)
	}
	hidden := m.hidesIssuers.Load()
	if len(issuers) > 1 {
		m.hidesIssuers.Store(true) // before the first of them is trusted
	}
	if err := v.Replace(complete); err != nil {
		m.hidesIssuers.Store(hidden)
		return err
	}
	next.forgetUnused(issuers)
	m.fetching = next
	m.follow(m.issuers())
	return nil
}

// mistakesIn returns what a Verifier would report about these issuers, and replaces none.
func mistakesIn(issuers []claims.Issuer) error {
	trial, err := claims.NewVerifier(claims.Config{CacheEntries: -1, Resolve: trustsNone})
	if err != nil {
		return err
	}
	return trial.Replace(issuers)
}

func trustsNone(context.Context, string) (*claims.Verifier, error) { return nil, claims.ErrIssuer }

// next returns a copy of f, with room for these issuers.
func (f *fetching) next(issuers []claims.Issuer) *fetching {
	next := *f
	next.caches = maps.Clone(f.caches)
	next.makeRoom(countFetched(issuers))
	return &next
}

// forgetUnused drops the caches that these issuers do not use.
func (f *fetching) forgetUnused(issuers []claims.Issuer) {
	used := make(map[keyAddress]bool, len(issuers))
	for i := range issuers {
		used[keyAddress{issuers[i].URL, issuers[i].JWKSURL}] = getsKeys(&issuers[i])
	}
	maps.DeleteFunc(f.caches, func(at keyAddress, _ *jwks.Cache) bool { return !used[at] })
}

// follow makes everything that depends on the issuers use the present ones.
func (m *Middleware) follow(issuers []string) {
	m.unaccepted.follow(issuers)
	servers := m.published(issuers)
	m.servers.Store(&servers)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, run := range m.runs {
		run.restart()
	}
}

// published returns the authorization servers for the metadata. One that the Config lists is
// left out while it is not an issuer: clients would get tokens from it that are refused.
func (m *Middleware) published(issuers []string) []string {
	switch {
	case m.fetching == nil: // the issuers of a Config.Verifier are not known
		return m.listed
	case m.listed == nil:
		return issuers
	case m.tenants != nil:
		return m.listed
	}
	return slices.DeleteFunc(slices.Clone(m.listed), func(server string) bool { return !slices.Contains(issuers, server) })
}

// checkPublished reports the issuers that the metadata would publish, but cannot.
func (m *Middleware) checkPublished(issuers []claims.Issuer) []error {
	if !m.publishes.Load() {
		return nil
	}
	var urls []string
	for i := range issuers {
		urls = append(urls, issuers[i].URL)
	}
	var problems mistakes
	for _, server := range m.published(urls) {
		err := checkServer(server, m.insecureHosts)
		problems.reportIn("issuers", err != nil, ": ResourceMetadata cannot publish the issuer %q: %w", redact.URL(server), err)
	}
	return problems
}

// A run is one call of Run. Its context ends when the issuers are replaced.
type run struct{ restart context.CancelFunc }

// begin returns a context for the present issuers, and a function that must be called at its
// end.
func (m *Middleware) begin(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	r := &run{cancel}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs = append(m.runs, r)
	return ctx, func() {
		cancel()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.runs = slices.DeleteFunc(m.runs, func(other *run) bool { return other == r })
	}
}

// isTenant reports whether Config.Tenants has found an issuer.
func (m *Middleware) isTenant(issuer string) bool {
	known, ok := m.tenants.(interface{ Knows(iss string) bool })
	return ok && known.Knows(issuer)
}
