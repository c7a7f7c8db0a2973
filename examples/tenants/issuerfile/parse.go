package issuerfile

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bearerguard/bearerguard/claims"
)

const (
	maxBytes    = 1 << 20 // of the file
	maxElements = 1000    // of a list; claims compares each element with each
	maxMistakes = 100     // that are reported
)

// Parse returns the issuers that a document lists, or an error that reports all mistakes. It
// reports at most 100, each with its place. It checks each issuer as claims.NewVerifier does. Their
// Keys are nil, so that package middleware fetches them. Whether their addresses can be used
// depends on its settings, and is checked by Replace of middleware.Middleware.
func Parse(document []byte) ([]claims.Issuer, error) {
	values, err := readList(document)
	if err != nil {
		return nil, err
	}
	var found mistakes
	var issuers []claims.Issuer
	first := make(map[string]jsontext.Pointer) // the place of each URL
	for n, value := range values {
		if len(found) > maxMistakes {
			break
		}
		at := jsontext.Pointer("").AppendToken(strconv.Itoa(n))
		for _, issuer := range readIssuers(at, value, &found) {
			if first[issuer.URL] != "" {
				found.add(at, "%q is a duplicate of %s", issuer.URL, first[issuer.URL])
				continue
			}
			first[issuer.URL] = at
			issuers = append(issuers, issuer)
		}
	}
	if len(found) > maxMistakes { // a line of the log must not have megabytes
		found = append(found[:maxMistakes], errors.New("issuerfile: there are more mistakes"))
	}
	if len(found) > 0 {
		return nil, errors.Join(found...)
	}
	return issuers, nil
}

// readIssuers returns the issuers that one element of the list describes. Usually it is one.
func readIssuers(at jsontext.Pointer, value jsontext.Value, found *mistakes) []claims.Issuer {
	known := len(*found)
	o := newObject(at, value, found)
	issuers := fromPreset(o)
	written := readSettings(o)
	var profile bool
	take(o, "rfc9068", "true or false", &profile)
	o.end()
	for n := range issuers {
		merge(o, &issuers[n], written)
		if profile {
			issuers[n] = withProfile(o, issuers[n])
		}
	}
	if len(*found) > known { // what is missing now was reported, or is no mistake
		return nil
	}
	for _, issuer := range issuers {
		for _, problem := range check(issuer) {
			found.add(at, "%s", problem)
		}
	}
	return issuers
}

// readSettings returns what o has, apart from a preset.
func readSettings(o *object) (i claims.Issuer) {
	take(o, "url", "a string", &i.URL)
	take(o, "jwks_url", "a string", &i.JWKSURL)
	o.list("audiences", &i.Audiences)
	i.WithoutAudience = readWithoutAudience(o)
	o.list("algorithms", &i.Algorithms)
	o.list("token_types", &i.TokenTypes)
	o.list("required_claims", &i.RequiredClaims)
	o.list("required_any", &i.RequiredAny)
	take(o, "claim_values", "an object of strings", &i.ClaimValues)
	take(o, "claim_one_of", "an object of lists of strings", &i.ClaimOneOf)
	take(o, "claim_rules", "an object of lists", &i.ClaimRules)
	o.list("must_limit", &i.MustLimit)
	take(o, "scope_claims", "a list of paths, which are lists of strings", &i.ScopeClaims)
	o.list("allowed_scopes", &i.AllowedScopes)
	o.duration("leeway", &i.Leeway)
	o.duration("max_lifetime", &i.MaxLifetime)
	return i
}

func readWithoutAudience(o *object) *claims.WithoutAudience {
	if !o.has("without_audience") {
		return nil
	}
	var value jsontext.Value
	take(o, "without_audience", "an object", &value)
	if value == nil { // a mistake that was reported
		return nil
	}
	inner := newObject(o.place("without_audience"), value, o.mistakes)
	defer inner.end()
	without := &claims.WithoutAudience{ClientIDs: inner.requiredList("client_ids")}
	take(inner, "client_id_claim", "a string", &without.ClientIDClaim)
	take(inner, "claim_values", "an object of strings", &without.ClaimValues)
	return without
}

// merge adds what is written to the settings of a preset.
func merge(o *object, preset *claims.Issuer, written claims.Issuer) {
	replace(&preset.URL, written.URL)
	replace(&preset.MaxLifetime, written.MaxLifetime)
	if written.Algorithms != nil {
		preset.Algorithms = written.Algorithms
	}
	preset.RequiredClaims = slices.Concat(preset.RequiredClaims, written.RequiredClaims)
	preset.ClaimValues = union(o, "claim_values", preset.ClaimValues, written.ClaimValues)
	preset.ClaimOneOf = union(o, "claim_one_of", preset.ClaimOneOf, written.ClaimOneOf)
	preset.ClaimRules = union(o, "claim_rules", preset.ClaimRules, written.ClaimRules)

	set(o, "jwks_url", &preset.JWKSURL, written.JWKSURL)
	set(o, "audiences", &preset.Audiences, written.Audiences)
	set(o, "without_audience", &preset.WithoutAudience, written.WithoutAudience)
	set(o, "token_types", &preset.TokenTypes, written.TokenTypes)
	set(o, "required_any", &preset.RequiredAny, written.RequiredAny)
	set(o, "must_limit", &preset.MustLimit, written.MustLimit)
	set(o, "scope_claims", &preset.ScopeClaims, written.ScopeClaims)
	set(o, "allowed_scopes", &preset.AllowedScopes, written.AllowedScopes)
	set(o, "leeway", &preset.Leeway, written.Leeway)
}

func replace[T comparable](setting *T, written T) {
	var zero T
	if written != zero {
		*setting = written
	}
}

// set sets what the preset has not set.
func set[T any](o *object, name string, setting *T, written T) {
	switch {
	case !o.taken[name]:
	case !reflect.ValueOf(setting).Elem().IsZero():
		o.mistake(name, "the preset sets it")
	default:
		*setting = written
	}
}

// withProfile demands the profile of RFC 9068, which sets some members itself.
func withProfile(o *object, issuer claims.Issuer) claims.Issuer {
	for _, name := range []string{"token_types", "without_audience"} {
		if o.taken[name] {
			o.mistake(name, "rfc9068 sets it")
		}
	}
	return issuer.RFC9068()
}

// union returns the rules of both. Each of them must match, so none replaces another.
func union[V any](o *object, name string, preset, written map[string]V) map[string]V {
	if len(written) == 0 {
		return preset
	}
	all := maps.Clone(written)
	for claim, rule := range preset {
		if _, both := written[claim]; both {
			o.mistakes.add(o.place(name).AppendToken(claim), "the preset sets it")
		}
		all[claim] = rule
	}
	return all
}

// check returns the mistakes that claims.NewVerifier finds.
func check(issuer claims.Issuer) []string {
	issuer.Keys, issuer.JWKSURL = unfetched{}, ""
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}, CacheEntries: -1})
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// unfetched is in the place of the keys that will be fetched.
type unfetched struct{}

func (unfetched) Keys(context.Context, string, string) ([]claims.Key, error) {
	return nil, claims.ErrKeysUnavailable
}
