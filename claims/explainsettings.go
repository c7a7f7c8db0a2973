package claims

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bearerguard/bearerguard/internal/strict"
)

func (i *Issuer) expectedTypes() string {
	types := slices.DeleteFunc(slices.Clone(i.TokenTypes), func(typ string) bool { return typ == "" })
	switch {
	case len(types) == len(i.TokenTypes):
		return "typ " + either(types)
	case len(types) == 0:
		return "no typ"
	}
	return "typ " + either(types) + " or none"
}

func (i *Issuer) expectedAudience() string {
	listedAudience, without := "one of "+listed(i.Audiences), i.WithoutAudience
	if without == nil {
		return listedAudience
	}
	texts := append([]string{"no aud and " + without.ClientIDClaim + " " + either(without.ClientIDs)}, wanted(without.ClaimValues)...)
	if len(i.Audiences) == 0 {
		return strings.Join(texts, ", ")
	}
	return listedAudience + ", or " + strings.Join(texts, ", ")
}

// wanted returns claims with the values that they must have.
func wanted(values map[string]string) (texts []string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		texts = append(texts, name+" "+quoted(values[name]))
	}
	return texts
}

func (e *explanation) receivedAudience() string {
	if audience := e.claims.Audience(); len(audience) > 0 {
		return listed(audience)
	}
	texts := []string{"no aud"}
	if without := e.issuer.WithoutAudience; without != nil {
		texts = append(texts, e.value(without.ClientIDClaim))
		texts = append(texts, e.values(without.ClaimValues)...)
	}
	return strings.Join(texts, ", ")
}

// values returns claims that must have certain values, with those that they have.
func (e *explanation) values(wanted map[string]string) (texts []string) {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		texts = append(texts, e.value(name))
	}
	return texts
}

// value returns a claim that must be a string with its name.
func (e *explanation) value(name string) string {
	switch value, ok := e.claims.stringClaim(name); {
	case ok:
		return name + " " + quoted(value)
	case e.claims.has(name):
		return name + " of another type"
	}
	return "no " + name
}

func (i *Issuer) expectedClaims() string {
	texts := slices.Clone(i.RequiredClaims)
	if i.RequiredAny != nil {
		texts = append(texts, strings.Join(i.RequiredAny, " or "))
	}
	for _, name := range slices.Sorted(maps.Keys(i.ClaimOneOf)) {
		texts = append(texts, name+" "+either(i.ClaimOneOf[name]))
	}
	texts = append(texts, wanted(i.ClaimValues)...)
	texts = append(texts, i.expectedRules()...)
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}

// receivedValues tells the values only of claims that must have certain ones.
func (e *explanation) receivedValues() string {
	var texts []string
	for _, name := range slices.Concat(e.issuer.RequiredClaims, e.issuer.RequiredAny) {
		if e.claims.has(name) {
			texts = append(texts, name)
		} else {
			texts = append(texts, "no "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.issuer.ClaimOneOf)) {
		texts = append(texts, e.value(name))
	}
	texts = append(texts, e.values(e.issuer.ClaimValues)...)
	for _, r := range e.issuer.rules {
		texts = append(texts, e.ruled(r))
	}
	return strings.Join(texts, ", ")
}

// expectedRules returns the claims of ClaimRules with the values that they may have.
func (i *Issuer) expectedRules() (texts []string) {
	for _, r := range i.rules {
		var values, others []string
		for _, want := range r.allowed {
			switch want := want.(type) {
			case nil:
				others = append(others, "absent")
			case bool:
				others = append(others, strconv.FormatBool(want))
			case string:
				values = append(values, want)
			case matcher:
				others = append(others, want.String())
			}
		}
		if len(values) > 0 {
			others = slices.Insert(others, 0, either(values))
		}
		texts = append(texts, r.name+" "+strings.Join(others, " or "))
	}
	return texts
}

// ruled returns a claim of ClaimRules with the value that it has.
func (e *explanation) ruled(r claimRule) string {
	text, ok := e.claims.pointed(r.path)
	switch value, err := strict.Unquote(text); {
	case !ok:
		return r.name + " not in an object"
	case text == null:
		return "no " + r.name
	case err == nil:
		return r.name + " " + quoted(value)
	case text == "true", text == "false":
		return r.name + " " + text
	}
	return r.name + " of another type"
}
