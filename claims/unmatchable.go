package claims

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bearerguard/bearerguard/internal/redact"
)

// unmatchable returns what is wrong with values that no token can match. Such a value is a
// mistake in a configuration: every token would be refused.
func (i *Issuer) unmatchable() []string {
	var problems []string
	add := func(problem string) {
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	add(urlProblem(i.URL))
	add(listProblem("Audiences", i.Audiences))
	add(duplicateIn("Audiences", i.Audiences))
	add(listProblem("RequiredClaims", i.RequiredClaims))
	add(listProblem("TokenTypes", i.TokenTypes))
	if i.WithoutAudience != nil {
		add(listProblem("WithoutAudience.ClientIDs", i.WithoutAudience.ClientIDs))
		add(duplicateIn("WithoutAudience.ClientIDs", i.WithoutAudience.ClientIDs))
	}
	return problems
}

// entraAliases name no tenant, so no token has them in its iss.
var entraAliases = []string{"common", "organizations", "consumers"}

// urlProblem returns why no token has this iss, and what to write instead.
func urlProblem(url string) string {
	trimmed := strings.TrimSpace(url)
	web := strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")
	path, entra := strings.CutPrefix(url, "https://login.microsoftonline.com/")
	alias, _, _ := strings.Cut(path, "/")
	switch {
	case url != trimmed:
		return fmt.Sprintf("URL has white space around it: write %q", redact.URL(trimmed))
	case hasUnprintable(url):
		return "URL has a character that cannot be printed"
	case hasPlaceholder(url):
		return "URL has a placeholder: replace it by its value"
	case strings.Contains(url, "/.well-known/"):
		return "URL is the address of a document: write the issuer that it names, " + issuerOfDocument(redact.URL(url))
	case entra && slices.Contains(entraAliases, alias):
		return fmt.Sprintf("URL has the alias %q: write the ID of the tenant, as its tokens do", alias)
	case web && strings.ContainsAny(url, "?# "):
		return "URL has a query, a fragment or a space, which no issuer has (RFC 8414 section 2)"
	}
	return ""
}

// issuerOfDocument returns the issuers that a well-known address may belong to. OpenID Connect
// Discovery 1.0 section 4 puts the well-known part behind the issuer, without the slash at its
// end; RFC 8414 section 3.1 puts it before the path.
func issuerOfDocument(url string) string {
	base, document, _ := strings.Cut(url, "/.well-known/")
	if _, path, found := strings.Cut(document, "/"); found {
		return fmt.Sprintf("such as %q", base+"/"+path)
	}
	return fmt.Sprintf("such as %q or %q", base, base+"/")
}

// listProblem returns why an element of a list matches nothing. An environment variable that
// holds a list, or ends with a line break, often becomes one element.
func listProblem(field string, list []string) string {
	for _, s := range list {
		switch {
		case strings.Contains(s, ","):
			return fmt.Sprintf("%s has %q: write one element for each value, without a comma", field, s)
		case strings.Contains(s, " ") || hasUnprintable(s):
			return fmt.Sprintf("%s has %q: write it without white space and characters that cannot be printed", field, s)
		case hasPlaceholder(s):
			return fmt.Sprintf("%s has %q: replace the placeholder by its value", field, s)
		}
	}
	return ""
}

func duplicateIn(field string, list []string) string {
	for n, s := range list {
		if slices.Contains(list[:n], s) {
			return fmt.Sprintf("%s has the duplicate %q", field, s)
		}
	}
	return ""
}

func hasUnprintable(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) // no UTF-8
}

func hasPlaceholder(s string) bool { return strings.ContainsAny(s, "{}<>") }
