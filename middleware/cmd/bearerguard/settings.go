package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims/explain"
)

// settings are the flags of explain.
type settings struct {
	issuer    string
	providers map[string]*string // by the name of the flag
	audiences list
	clients   list
	scopes    list
	algs      list
	typs      list
	leeway    time.Duration

	jwksFile string
	jwksURL  string

	file     string
	json     bool
	personal bool
	serve    bool
	addr     string
}

// A list is a flag that can be repeated.
type list []string

func (l *list) String() string { return "" }

func (l *list) Set(value string) error {
	if value == "" {
		return errors.New("it is empty")
	}
	*l = append(*l, value)
	return nil
}

func (s *settings) flags() *flag.FlagSet {
	f := flag.NewFlagSet("explain", flag.ContinueOnError)
	f.SetOutput(io.Discard) // the caller prints errors, and usage
	f.StringVar(&s.issuer, "issuer", "", "")
	s.providers = make(map[string]*string)
	for _, p := range knownProviders() {
		s.providers[p.flag] = f.String(p.flag, "", "")
	}
	f.Var(&s.audiences, "audience", "")
	f.Var(&s.clients, "client", "")
	f.Var(&s.scopes, "scope", "")
	f.Var(&s.algs, "alg", "")
	f.Var(&s.typs, "typ", "")
	f.DurationVar(&s.leeway, "leeway", 0, "")
	f.StringVar(&s.jwksFile, "jwks", "", "")
	f.StringVar(&s.jwksURL, "jwks-url", "", "")
	f.StringVar(&s.file, "f", "", "")
	f.BoolVar(&s.json, "json", false, "")
	f.BoolVar(&s.personal, "show-personal", false, "")
	f.BoolVar(&s.serve, "serve", false, "")
	f.StringVar(&s.addr, "addr", "", "")
	return f
}

var (
	errTokenArgument = errors.New("a token must not be on the command line, where every process of this machine can read it, " +
		"and where the shell keeps it: pass it on standard input or with -f FILE, and treat this one as leaked")
	errArgument = errors.New("an argument that is no flag: the token comes from standard input or -f FILE")
)

// parse returns the settings of a command line. No error repeats an argument that could be a
// token.
func parse(args []string) (*settings, error) {
	if slices.ContainsFunc(args, hasToken) {
		return nil, errTokenArgument
	}
	s := new(settings)
	f := s.flags()
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, errArgument
	}
	return s, nil
}

// errNoIssuer is a mistake that is reported together with the iss of the token.
var errNoIssuer = errors.New("no issuer is set: add -issuer URL and -audience ID, or a provider's flag such as -auth0 DOMAIN")

// mistakes reports which flags are missing or contradict each other, all at once.
func (s *settings) mistakes() error {
	var problems []error
	report := func(bad bool, problem string) {
		if bad {
			problems = append(problems, errors.New(problem))
		}
	}
	sources := s.sources()
	if len(sources) == 0 {
		problems = append(problems, errNoIssuer)
	}
	report(len(sources) > 1, "only one of these can be set: "+strings.Join(sources, ", "))
	report(len(sources) == 1 && !s.byClient() && len(s.audiences) == 0, "no audience is set: add -audience ID, an identifier of the API")
	report(s.byClient() && len(s.clients) == 0, "no client is set: tokens of Cognito have no audience, so add -client ID")
	report(!s.byClient() && len(s.clients) > 0, "-client goes with -cognito and -cognito-updated only")
	report(s.jwksURL != "" && s.issuer == "", "-jwks-url goes with -issuer only")
	report(s.jwksURL != "" && s.jwksFile != "", "only one of -jwks and -jwks-url can be set")
	report(s.serve && s.file != "", "-f has no effect with -serve: paste the token into the page")
	report(s.serve && s.json, "-json has no effect with -serve")
	report(!s.serve && s.addr != "", "-addr goes with -serve only")
	problems = append(problems, checkScopes(s.scopes))
	return errors.Join(problems...)
}

// sources returns the flags that are set and name an issuer.
func (s *settings) sources() []string {
	var names []string
	if s.issuer != "" {
		names = append(names, "-issuer")
	}
	for _, p := range knownProviders() {
		if s.of(p) != "" {
			names = append(names, "-"+p.flag)
		}
	}
	return names
}

// of returns the value of a provider's flag.
func (s *settings) of(p provider) string { return *s.providers[p.flag] }

// byClient reports whether the provider's tokens name no audience.
func (s *settings) byClient() bool {
	return slices.ContainsFunc(knownProviders(), func(p provider) bool { return p.byClient && s.of(p) != "" })
}

// options returns how far an explanation goes. A key set in a file needs no fetch.
func (s *settings) options(scopes []string) explain.Options {
	return explain.Options{Fetch: s.jwksFile == "", Scopes: scopes}
}

const (
	maxScopes     = 32
	maxScopeBytes = 256
)

// checkScopes refuses what is no scope (RFC 6749 section 3.3). The page takes scopes, too.
func checkScopes(scopes []string) error {
	if len(scopes) > maxScopes {
		return fmt.Errorf("more than %d scopes", maxScopes)
	}
	for _, scope := range scopes {
		if len(scope) > maxScopeBytes {
			return fmt.Errorf("a scope is longer than %d bytes", maxScopeBytes)
		}
		if strings.ContainsFunc(scope, notScope) {
			return errors.New("a scope must be printable ASCII without spaces, quotation marks and backslashes")
		}
	}
	return nil
}

func notScope(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }
