package metrics

import (
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/claims/tenants"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

// sources are what a program has beside its Middleware. The lists do not change: a new one
// replaces them.
type sources struct {
	revocations    []named[*revocation.List]
	introspections []named[*introspection.Introspector]
	gateways       []named[*forwardauth.Handler]
	tenants        *tenants.Resolver
	reloads        func() (loaded, refused uint64, loadedAt time.Time, problem error) // nil for those of the Middleware
}

type named[T any] struct {
	name   string
	source T
}

// ShowRevocation adds the figures of a list. feed is the label that tells the lists of a program
// apart, such as "logout". It can be empty if there is one list.
//
// A second call with the same feed replaces the list, and one with nil takes it away.
func (c *Counts) ShowRevocation(feed string, list *revocation.List) {
	c.show(func(s *sources) { s.revocations = with(s.revocations, feed, list) })
}

// ShowIntrospection adds the figures of what asks about the opaque tokens of an issuer. Issuers
// that are not among the first 64 of the configuration have the sum of their figures together.
//
// A second call with the same issuer replaces its Introspector, and one with nil takes it away.
func (c *Counts) ShowIntrospection(issuer string, opaque *introspection.Introspector) {
	c.show(func(s *sources) { s.introspections = with(s.introspections, issuer, opaque) })
}

// ShowTenants adds the figures of what looks up the issuers of tenants: Config.Tenants of package
// middleware. A second call replaces it, and one with nil takes it away.
func (c *Counts) ShowTenants(resolver *tenants.Resolver) {
	c.show(func(s *sources) { s.tenants = resolver })
}

// ShowGateway adds the figures of what answers a gateway. gateway is the label that tells the
// Handlers of a program apart, such as the API. It can be empty if there is one Handler.
//
// A second call with the same gateway replaces the Handler, and one with nil takes it away.
func (c *Counts) ShowGateway(gateway string, handler *forwardauth.Handler) {
	c.show(func(s *sources) { s.gateways = with(s.gateways, gateway, handler) })
}

// ShowReloads replaces the figures about new sets of issuers. By default they are those of the
// Replace of the Middleware, which does not see a file that cannot be read. What reads the file
// has more to say: how many sets took effect, the latest one at loadedAt, how many were refused,
// and what is wrong with the present one, or nil. read is called with each reading of the
// figures, and must be safe for concurrent use. If it is nil, the figures are those of Replace.
func (c *Counts) ShowReloads(read func() (loaded, refused uint64, loadedAt time.Time, problem error)) {
	c.show(func(s *sources) { s.reloads = read })
}

func (c *Counts) show(change func(*sources)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.sources)
}

// with returns a copy of list with a source in the place of the one with the same name. Two series
// with the same labels would make a scrape fail, and so would a label that is not UTF-8. The zero
// source is left out.
func with[T comparable](list []named[T], name string, source T) []named[T] {
	name = strings.ToValidUTF8(name, "\uFFFD")
	n := slices.IndexFunc(list, func(other named[T]) bool { return other.name == name })
	list = slices.Clone(list)
	var none T
	switch {
	case n < 0 && source == none:
	case n < 0:
		list = append(list, named[T]{name, source})
	case source == none:
		list = slices.Delete(list, n, n+1)
	default:
		list[n].source = source
	}
	return list
}

// sourceFamilies returns the families about all but the decisions and key caches.
func (c *Counts) sourceFamilies(status *middleware.Status) []Family {
	c.mu.Lock()
	s := c.sources
	c.mu.Unlock()
	var families []Family
	add := func(more []Family) { families = append(families, more...) }
	add(familiesOf(issuerFigures(), "", issuersOf(&s, status)))
	add(familiesOf(tenantFigures(), "", statusesOf(s.resolver(), noLabel, (*tenants.Resolver).Status)))
	add(familiesOf(introspectionFigures(), "issuer", statusesOf(s.introspections, c.Issuer, (*introspection.Introspector).Status)))
	lists := statusesOf(s.revocations, asItIs, (*revocation.List).Status)
	add(familiesOf(slices.Concat(revocationFigures(), feedFigures()), "feed", lists))
	add(familiesOf(gatewayFigures(), "gateway", statusesOf(s.gateways, asItIs, (*forwardauth.Handler).Status)))
	add(familiesOf(dpopFigures(), "", present(status.DPoP)))
	add(familiesOf(mtlsFigures(), "", present(status.MTLS)))
	return families
}

func asItIs(name string) string { return name }
func noLabel(string) string     { return "" }

// resolver returns a list of the one Resolver, or of none.
func (s *sources) resolver() []named[*tenants.Resolver] { return with(nil, "", s.tenants) }

// A labeled is the status of a source, under the value of its label.
type labeled[S any] struct {
	label  string
	status S
}

func statusesOf[T, S any](list []named[T], label func(name string) string, status func(T) S) []labeled[S] {
	var all []labeled[S]
	for _, source := range list {
		all = append(all, labeled[S]{label(source.name), status(source.source)})
	}
	return all
}

// present returns a status that a Middleware has only if it is configured.
func present[S any](status *S) []labeled[S] {
	if status == nil {
		return nil
	}
	return []labeled[S]{{status: *status}}
}
