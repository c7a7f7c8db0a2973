package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/jwks"
)

// A provider is a flag that names an issuer of a known kind.
type provider struct {
	flag     string
	byClient bool // its tokens have no aud, and are accepted by their client
	issuers  func(value string, audience string, clients []string) []claims.Issuer
}

func knownProviders() []provider {
	return []provider{
		{"auth0", false, func(domain, audience string, _ []string) []claims.Issuer {
			return []claims.Issuer{providers.Auth0(domain, audience)}
		}},
		{"okta", false, func(value, audience string, _ []string) []claims.Issuer {
			domain, server, _ := strings.Cut(value, "/")
			return []claims.Issuer{providers.Okta(domain, server, audience)}
		}},
		{"entra", false, func(tenant, audience string, _ []string) []claims.Issuer {
			return providers.Entra(audience, tenant)
		}},
		{"keycloak", false, func(url, audience string, _ []string) []claims.Issuer {
			base, realm, _ := strings.Cut(url, "/realms/")
			return []claims.Issuer{providers.Keycloak(base, realm, audience)}
		}},
		{"cognito", true, func(pool, _ string, clients []string) []claims.Issuer {
			return []claims.Issuer{providers.Cognito(region(pool), pool, clients...)}
		}},
		{"cognito-updated", true, func(pool, _ string, clients []string) []claims.Issuer {
			return []claims.Issuer{providers.CognitoUpdated(region(pool), pool, clients...)}
		}},
	}
}

// region returns the region in front of the name of a user pool.
func region(pool string) string {
	name, _, _ := strings.Cut(pool, "_")
	return name
}

// issuers returns the issuers of the API, without keys.
func (s *settings) issuers() []claims.Issuer {
	issuers := []claims.Issuer{{URL: s.issuer, Audiences: s.audiences}}
	for _, p := range knownProviders() {
		value := s.of(p)
		switch {
		case value == "":
		case p.byClient:
			issuers = p.issuers(value, "", s.clients)
		default:
			issuers = p.issuers(value, s.audiences[0], nil)
			for n := range issuers {
				issuers[n].Audiences = append(issuers[n].Audiences, s.audiences[1:]...)
			}
		}
	}
	for n := range issuers {
		issuers[n].Algorithms = s.algs
		issuers[n].TokenTypes = s.typs
		issuers[n].Leeway = s.leeway
	}
	return issuers
}

// newExplainer returns the Explain method of a verifier with these settings. It makes no request.
func newExplainer(s *settings) (explainFunc, error) {
	issuers := s.issuers()
	var problems []error
	for n := range issuers {
		keys, err := s.keys(issuers[n].URL)
		problems = append(problems, err)
		issuers[n].Keys = keys
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	verifier, err := claims.NewVerifier(claims.Config{Issuers: issuers, CacheEntries: -1})
	if err != nil {
		return nil, err
	}
	return verifier.Explain, nil
}

// keys returns the keys of an issuer. A cache logs nothing: the hint of the report has the cause
// of a failure.
func (s *settings) keys(issuer string) (claims.KeySet, error) {
	if s.jwksFile != "" {
		return readKeys(s.jwksFile)
	}
	cache, err := jwks.New(jwks.Config{Issuer: issuer, URL: s.jwksURL, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("%w\nor fetch the key set yourself, and pass it with -jwks FILE", err)
	}
	return cache, nil
}

// maxKeySet is more than jwks.NewStatic accepts, so that it reports what is too long.
const maxKeySet = 1 << 20

func readKeys(name string) (claims.KeySet, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("-jwks: %w", err)
	}
	defer f.Close()
	document, err := io.ReadAll(io.LimitReader(f, maxKeySet))
	if err != nil {
		return nil, fmt.Errorf("-jwks: %w", err)
	}
	return jwks.NewStatic(document)
}
