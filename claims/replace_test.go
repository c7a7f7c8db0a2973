package claims_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

const partnerURL = "https://partner.example"

// partner is an issuer with the keys of goodIssuer.
func partner(keys claims.KeySet) claims.Issuer {
	return claims.Issuer{URL: partnerURL, Audiences: []string{audience}, Keys: keys}
}

var partnerToken = token(members{"iss": `"` + partnerURL + `"`})

func TestReplaceDecidesAboutRememberedTokens(t *testing.T) {
	keys := oneKey()
	same := func() claims.Issuer {
		i := partner(keys)
		i.AllowedScopes, i.ClaimValues = []string{"read:x"}, map[string]string{"sub": "alice"}
		i.WithoutAudience = &claims.WithoutAudience{ClientIDs: []string{"app"}}
		i.ClaimRules = map[string][]any{"/sub": {"alice", beginsWith("bo")}, "/suspended": {nil, false}}
		return i
	}
	changed := func(change func(*claims.Issuer)) []claims.Issuer {
		i := same()
		change(&i)
		return []claims.Issuer{goodIssuer(), i}
	}
	for _, tc := range []struct {
		rule       string
		next       []claims.Issuer
		reason     claims.Reason
		remembered bool
	}{
		{"the same settings", changed(func(*claims.Issuer) {}), "", true},
		{"removed", []claims.Issuer{goodIssuer()}, claims.ErrIssuer, false},
		{"another audience", changed(func(i *claims.Issuer) { i.Audiences = []string{"https://other.example"} }), claims.ErrAudience, false},
		{"one more audience", changed(func(i *claims.Issuer) { i.Audiences = append(i.Audiences, "https://other.example") }), "", false},
		{"another algorithm", changed(func(i *claims.Issuer) { i.Algorithms = []string{"ES256"} }), claims.ErrAlgorithm, false},
		{"a shorter lifetime", changed(func(i *claims.Issuer) { i.MaxLifetime = time.Second }), claims.ErrMissingClaim, false},
		{"another rule for a claim", changed(func(i *claims.Issuer) { i.ClaimValues["sub"] = "bob" }), claims.ErrMissingClaim, false},
		{"another rule at a pointer", changed(func(i *claims.Issuer) { i.ClaimRules["/sub"][0] = "bob" }), claims.ErrMissingClaim, false},
		{"one more rule", changed(func(i *claims.Issuer) { i.ClaimRules["/acr"] = []any{"1"} }), claims.ErrMissingClaim, false},
		{"one rule less", changed(func(i *claims.Issuer) { delete(i.ClaimRules, "/suspended") }), "", false},
		{"another rule that decides itself", changed(func(i *claims.Issuer) { i.ClaimRules["/sub"][1] = beginsWith("x") }), "", false},
		{"a rule that cannot be compared", changed(func(i *claims.Issuer) { i.ClaimRules["/sub"][1] = anyOf{"bob"} }), "", false},
		{"another client without aud", changed(func(i *claims.Issuer) { i.WithoutAudience.ClientIDs[0] = "x" }), "", false},
		{"other keys", changed(func(i *claims.Issuer) { i.Keys = oneKey() }), "", false},
		{"keys without this one", changed(func(i *claims.Issuer) { i.Keys = emptySet{} }), claims.ErrUnknownKey, false},
		{"a hook that allows", changed(func(i *claims.Issuer) { i.Validate = func(context.Context, *claims.Claims) error { return nil } }), "", false},
		{"a hook that refuses", changed(func(i *claims.Issuer) {
			i.Validate = func(context.Context, *claims.Claims) error { return claims.ErrRevoked }
		}), claims.ErrRevoked, false},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			v := verifierWith(t, 0, goodIssuer(), same())
			for range 2 {
				_, err := v.Verify(t.Context(), partnerToken)
				require.NoError(t, err)
			}
			require.NoError(t, v.Replace(tc.next))
			c, err := v.Verify(t.Context(), partnerToken)
			requireReason(t, tc.reason, err)
			assert.Equal(t, tc.remembered, c.Remembered())
			_, err = v.Verify(t.Context(), token(nil))
			require.NoError(t, err, "another issuer")
		})
	}
}

// beginsWith and anyOf are values of ClaimRules that decide themselves.
type (
	beginsWith string
	anyOf      []string
)

func (b beginsWith) Allows(claim string) bool { return strings.HasPrefix(claim, string(b)) }
func (b beginsWith) String() string           { return "begins with " + string(b) }
func (a anyOf) Allows(claim string) bool      { return slices.Contains(a, claim) }
func (a anyOf) String() string                { return strings.Join(a, " or ") }

// A countingRule has the same contents as another one until it is asked.
type countingRule struct{ asked int }

func (c *countingRule) Allows(string) bool { c.asked++; return true }
func (c *countingRule) String() string     { return "anything" }

// What two rules have in them can be the same for a moment. Only the new one may decide.
func TestReplaceUsesANewRuleWithTheSameContents(t *testing.T) {
	same := goodIssuer()
	with := func(rule *countingRule) claims.Issuer {
		i := same
		i.ClaimRules = map[string][]any{"/sub": {rule}}
		return i
	}
	before, after := new(countingRule), new(countingRule)
	v := verifierWith(t, 0, with(before))
	require.NoError(t, v.Replace([]claims.Issuer{with(after)}))
	_, err := v.Verify(t.Context(), token(nil))
	require.NoError(t, err)
	assert.Equal(t, 1, after.asked)
	assert.Zero(t, before.asked)
}

// Two requests with one token have begun, and then its issuer leaves. The first one remembers the
// token after Replace has forgotten all others, and the second one finds it.
func TestReplaceRefusesWhatEarlierRequestsRemember(t *testing.T) {
	var v *claims.Verifier
	var atStart []func() // of a Verify that has begun, for the next calls of Now
	clock := func() time.Time {
		if len(atStart) > 0 {
			next := atStart[0]
			atStart = atStart[1:]
			next()
		}
		return now
	}
	v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{goodIssuer(), partner(oneKey())}, Now: clock})
	require.NoError(t, err)
	atStart = []func(){
		func() {
			c, err := v.Verify(t.Context(), partnerToken)
			require.NoError(t, err, "it began before Replace")
			assert.False(t, c.Remembered())
		},
		func() { require.NoError(t, v.Replace([]claims.Issuer{goodIssuer()})) },
	}
	c, err := v.Verify(t.Context(), partnerToken)
	require.NoError(t, err, "so did this one")
	assert.True(t, c.Remembered())
	_, err = v.Verify(t.Context(), partnerToken)
	requireReason(t, claims.ErrIssuer, err)
}

func TestReplaceOfAHookForgetsWhatTheOldOneAccepted(t *testing.T) {
	with := func(err error) claims.Issuer {
		i := goodIssuer()
		i.Validate = func(context.Context, *claims.Claims) error { return err }
		return i
	}
	v := verifierWith(t, 0, with(nil))
	_, err := v.Verify(t.Context(), token(nil))
	require.NoError(t, err)
	require.NoError(t, v.Replace([]claims.Issuer{with(claims.ErrRevoked)}))
	_, err = v.Verify(t.Context(), token(nil))
	requireReason(t, claims.ErrRevoked, err)
}

// The present issuer judges the times of a remembered token, and not the one before.
func TestReplaceJudgesTimesByThePresentIssuer(t *testing.T) {
	clock := now
	v, err := claims.NewVerifier(claims.Config{
		Issuers: []claims.Issuer{goodIssuer(), partner(oneKey())}, Now: func() time.Time { return clock },
	})
	require.NoError(t, err)
	for _, token := range []string{token(nil), partnerToken} {
		_, err = v.Verify(t.Context(), token)
		require.NoError(t, err)
	}
	clock = now.Add(goodFor + time.Minute)
	patient := goodIssuer()
	patient.Leeway = 5 * time.Minute
	require.NoError(t, v.Replace([]claims.Issuer{patient}))
	_, err = v.Verify(t.Context(), token(nil))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), partnerToken)
	requireReason(t, claims.ErrIssuer, err)
}

func TestReplaceIsAllOrNothing(t *testing.T) {
	bad := partner(oneKey())
	bad.Audiences = nil
	for rule, next := range map[string][]claims.Issuer{
		"a mistake":   {partner(oneKey()), bad},
		"a duplicate": {partner(oneKey()), partner(oneKey())},
		"none":        {},
	} {
		v := newVerifier(t, goodIssuer())
		require.Error(t, v.Replace(next), rule)
		_, err := v.Verify(t.Context(), token(nil))
		require.NoError(t, err, rule)
		_, err = v.Verify(t.Context(), partnerToken)
		requireReason(t, claims.ErrIssuer, err)
		assert.Equal(t, []string{issuerURL}, urlsOf(v))
	}
	v := newVerifier(t, goodIssuer())
	err := v.Replace([]claims.Issuer{bad, {URL: "https://third.example", Audiences: []string{"a"}}})
	require.ErrorContains(t, err, `"https://partner.example": Audiences is empty`)
	require.ErrorContains(t, err, `"https://third.example": Keys is nil`)
	require.EqualError(t, v.Replace(nil), "claims: invalid issuers: at least one is required")
	require.EqualError(t, v.Replace([]claims.Issuer{goodIssuer(), goodIssuer()}),
		`claims: invalid issuers: "`+issuerURL+`" is a duplicate`)
}

func urlsOf(v *claims.Verifier) (urls []string) {
	for url := range v.Issuers() {
		urls = append(urls, url)
	}
	return urls
}

// A remembered token keeps its issuer in memory, and with it the issuer's key cache. Under its
// own rules the token cache would keep both until the token expires.
func TestReplaceForgetsTheTokensOfIssuersThatLeft(t *testing.T) {
	const tenantURL = "https://tenant.example"
	tenant := partner(oneKey())
	tenant.URL = tenantURL
	d := &directory{err: claims.ErrIssuer, tenants: map[string]*claims.Verifier{tenantURL: tenantOf(t, tenant)}}
	keys := oneKey()
	ours := goodIssuer()
	v := resolving(t, d, ours, partner(keys))
	remembered := func() (entries int) {
		entries, _, _ = v.CacheStatus()
		return entries
	}
	verify := func() {
		for _, token := range []string{token(nil), partnerToken, token(members{"iss": `"` + tenantURL + `"`})} {
			_, _ = v.Verify(t.Context(), token) // those of an issuer that left are refused
		}
	}
	verify()
	require.Equal(t, 3, remembered())
	require.Error(t, v.Replace([]claims.Issuer{ours, ours}))
	require.NoError(t, v.Replace([]claims.Issuer{ours, partner(keys)}))
	assert.Equal(t, 3, remembered(), "nothing has changed")
	changed := partner(keys)
	changed.AllowedScopes = []string{"read:x"}
	require.NoError(t, v.Replace([]claims.Issuer{ours, changed}))
	assert.Equal(t, 2, remembered(), "its settings have changed")
	verify()
	assert.Equal(t, 3, remembered())
	require.NoError(t, v.Replace([]claims.Issuer{ours}))
	assert.Equal(t, 2, remembered(), "it has left")
	c, err := v.Verify(t.Context(), token(members{"iss": `"` + tenantURL + `"`}))
	require.NoError(t, err)
	assert.True(t, c.Remembered(), "a tenant that was found stays")
}

func TestReplaceCopiesTheIssuers(t *testing.T) {
	v := newVerifier(t, goodIssuer())
	next := []claims.Issuer{partner(oneKey())}
	require.NoError(t, v.Replace(next))
	next[0].Audiences[0], next[0].URL = "changed", "https://changed.example"
	_, err := v.Verify(t.Context(), partnerToken)
	require.NoError(t, err)
}

func TestReplaceChangesWhatIsReported(t *testing.T) {
	v := newVerifier(t, goodIssuer())
	require.NoError(t, v.Replace([]claims.Issuer{partner(oneKey())}))
	assert.Equal(t, []string{partnerURL}, urlsOf(v))
	_, err := v.Verify(t.Context(), token(members{"iss": `"` + partnerURL + `/"`}))
	require.ErrorContains(t, err, "differs from a configured issuer in the slash")
	parsed := parse(t, fmt.Sprintf(`{"iss":%q,"exp":100}`, issuerURL))
	assert.Equal(t, time.Unix(100, 0).UTC(), v.ValidUntil(parsed), "of an issuer that left")
}

// Issuers come and go while others verify. A token whose issuer is there all the time is always
// accepted; one whose issuer has left is refused by each request that begins afterwards.
func TestReplaceUnderLoad(t *testing.T) {
	v := verifierWith(t, 0, goodIssuer(), partner(oneKey()))
	var stop atomic.Bool
	var there sync.RWMutex // held while it is certain whether the partner is there
	present := true
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			for n := 0; n < 200 && !stop.Load(); n++ {
				_, err := v.Verify(context.Background(), token(nil))
				assert.NoError(t, err)
				there.RLock()
				_, err = v.Verify(context.Background(), partnerToken)
				assert.Equal(t, present, err == nil)
				there.RUnlock()
			}
		})
	}
	keys := oneKey()
	for n := range 200 {
		next := []claims.Issuer{goodIssuer()}
		if n%2 == 1 {
			next = append(next, partner(keys))
		}
		there.Lock()
		assert.NoError(t, v.Replace(next))
		present = n%2 == 1
		there.Unlock()
	}
	stop.Store(true)
	group.Wait()
}

// A directory is a Config.Resolve that counts what it is asked.
type directory struct {
	asked   []string
	tenants map[string]*claims.Verifier
	err     error
}

func (d *directory) resolve(_ context.Context, iss string) (*claims.Verifier, error) {
	d.asked = append(d.asked, iss)
	if v, ok := d.tenants[iss]; ok {
		return v, nil
	}
	return nil, d.err
}

func tenantOf(t *testing.T, issuer claims.Issuer) *claims.Verifier {
	t.Helper()
	v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}, CacheEntries: -1})
	require.NoError(t, err)
	return v
}

func resolving(t *testing.T, d *directory, issuers ...claims.Issuer) *claims.Verifier {
	t.Helper()
	v, err := claims.NewVerifier(claims.Config{Issuers: issuers, Resolve: d.resolve, Now: func() time.Time { return now }})
	require.NoError(t, err)
	return v
}

func TestResolveFindsIssuersThatAreNotConfigured(t *testing.T) {
	d := &directory{err: claims.ErrIssuer, tenants: map[string]*claims.Verifier{partnerURL: tenantOf(t, partner(oneKey()))}}
	v := resolving(t, d, goodIssuer())
	c, err := v.Verify(t.Context(), partnerToken)
	require.NoError(t, err)
	assert.Equal(t, partnerURL, c.Issuer())
	assert.Equal(t, c.ExpiresAt().Add(5*time.Second), v.ValidUntil(c), "with the leeway of the tenant")
	c, err = v.Verify(t.Context(), partnerToken)
	require.NoError(t, err)
	assert.True(t, c.Remembered())
	assert.Equal(t, []string{partnerURL, partnerURL}, d.asked, "for remembered tokens too")

	_, err = v.Verify(t.Context(), token(nil))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), token(members{"iss": `"https://evil.example"`}))
	requireReason(t, claims.ErrIssuer, err)
	assert.Equal(t, []string{partnerURL, partnerURL, "https://evil.example"}, d.asked, "not for configured issuers")
	assert.Equal(t, []string{issuerURL}, urlsOf(v))
}

func TestResolveDecidesAboutRememberedTokens(t *testing.T) {
	elsewhere := partner(oneKey())
	elsewhere.Audiences = []string{"https://other.example"}
	for rule, tc := range map[string]struct {
		change func(d *directory)
		reason claims.Reason
	}{
		"gone":              {func(d *directory) { clear(d.tenants) }, claims.ErrIssuer},
		"with new settings": {func(d *directory) { d.tenants[partnerURL] = tenantOf(t, elsewhere) }, claims.ErrAudience},
		"replaced within":   {func(d *directory) { _ = d.tenants[partnerURL].Replace([]claims.Issuer{elsewhere}) }, claims.ErrAudience},
		"an error":          {func(d *directory) { clear(d.tenants); d.err = errors.New("down") }, claims.ErrUnavailable},
	} {
		t.Run(rule, func(t *testing.T) {
			d := &directory{err: claims.ErrIssuer, tenants: map[string]*claims.Verifier{partnerURL: tenantOf(t, partner(oneKey()))}}
			v, before := resolving(t, d), maps.Clone(d.tenants)
			for range 2 { // the second time it is remembered, and Resolve must be asked the next time too
				_, err := v.Verify(t.Context(), partnerToken)
				require.NoError(t, err)
			}
			tc.change(d)
			_, err := v.Verify(t.Context(), partnerToken)
			requireReason(t, tc.reason, err)
			d.tenants = before
			c, _ := v.Verify(t.Context(), partnerToken)
			assert.Equal(t, tc.reason == claims.ErrUnavailable, c.Remembered(), "an outage forgets nothing")
		})
	}
}

func TestResolveFailsClosed(t *testing.T) {
	for rule, tc := range map[string]struct {
		d      directory
		reason claims.Reason
	}{
		"nothing at all":     {directory{}, claims.ErrUnavailable},
		"a nil Verifier":     {directory{tenants: map[string]*claims.Verifier{partnerURL: nil}}, claims.ErrUnavailable},
		"of another issuer":  {directory{tenants: map[string]*claims.Verifier{partnerURL: tenantOf(t, goodIssuer())}}, claims.ErrUnavailable},
		"another reason":     {directory{err: claims.ErrForbidden}, claims.ErrUnavailable},
		"an ended context":   {directory{err: context.Canceled}, claims.ErrUnavailable},
		"issuer not trusted": {directory{err: fmt.Errorf("no: %w", claims.ErrIssuer)}, claims.ErrIssuer},
	} {
		_, err := resolving(t, &tc.d, goodIssuer()).Verify(t.Context(), partnerToken)
		requireReason(t, tc.reason, err)
		assert.NotErrorIs(t, err, claims.ErrForbidden, rule)
	}
	d := &directory{err: &claims.UnavailableError{RetryAfter: time.Minute}}
	_, err := resolving(t, d).Verify(t.Context(), partnerToken)
	requireReason(t, claims.ErrUnavailable, err)
	var unavailable *claims.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	assert.Equal(t, time.Minute, unavailable.RetryAfter)
}

func TestResolveIsNotAskedAboutTokensThatCannotBeRead(t *testing.T) {
	d := &directory{err: claims.ErrIssuer}
	v := resolving(t, d)
	for _, bad := range []string{
		"a.b", sign(`{"alg":"none"}`, payload(nil)), sign(`{"alg":"XS256","kid":"k1"}`, payload(nil)),
		sign(goodHeader, `{"iss":"https://partner.example",}`), token(members{"iss": ""}), token(members{"iss": `1`}),
		sign(`{"alg":"EdDSA","crit":["x"]}`, payload(nil)), partnerToken + "=",
	} {
		_, err := v.Verify(t.Context(), bad)
		require.Error(t, err)
	}
	assert.Empty(t, d.asked)
}

func TestResolvedIssuersHaveTheirOwnAlgorithms(t *testing.T) {
	strict := partner(oneKey())
	strict.Algorithms = []string{"ES256"}
	d := &directory{tenants: map[string]*claims.Verifier{partnerURL: tenantOf(t, strict)}}
	_, err := resolving(t, d, goodIssuer()).Verify(t.Context(), partnerToken)
	requireReason(t, claims.ErrAlgorithm, err)
}
