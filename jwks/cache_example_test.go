package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// The issuer is a fake from jwkstest. With a real issuer, Client and Logger can be left out.
func ExampleNew() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: exampleKey("2026-11")})
	cache, err := jwks.New(jwks.Config{
		Issuer: issuer.URL(),
		Client: issuer.Client(),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, err := cache.Keys(context.Background(), "ES256", "2026-11")
	fmt.Println(len(keys), err)

	_, err = cache.Keys(context.Background(), "ES256", "made-up")
	fmt.Println(errors.Is(err, claims.ErrUnknownKey))
	// Output:
	// 1 <nil>
	// true
}

// A common mistake: Config.Issuer lacks the trailing slash that the issuer's tokens and
// metadata have. The first fetch fails and says so.
func ExampleNew_trailingSlash() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "https://tenant.example/"})
	cache, err := jwks.New(jwks.Config{
		Issuer: "https://tenant.example",
		Client: issuer.Client(),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = cache.Refresh(context.Background())
	if unavailable, ok := errors.AsType[*claims.UnavailableError](err); ok {
		fmt.Println(unavailable.Err)
	}
	// Output:
	// jwks: discovery document: its issuer differs from the configured "https://tenant.example": they differ in the trailing slash only, so Config.Issuer may need a change
}

// New reports all mistakes at once.
func ExampleNew_mistakes() {
	_, err := jwks.New(jwks.Config{
		Issuer:       "http://keycloak:8080/realms/demo",
		RefreshAfter: 900, // nanoseconds
	})
	fmt.Println(err)
	// Output:
	// jwks: invalid Config.Issuer "http://keycloak:8080/realms/demo": https is required; to allow http, name the host in Config.InsecureHTTPHosts
	// jwks: invalid Config.RefreshAfter 900ns: less than 10ms
}

// A private key has leaked. Its tokens are refused from now on, even if the issuer still
// publishes the key.
func ExampleCache_Block() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: exampleKey("leaked")})
	cache, err := jwks.New(jwks.Config{
		Issuer: issuer.URL(),
		Client: issuer.Client(),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	cache.Block("leaked")
	_, err = cache.Keys(context.Background(), "ES256", "leaked")
	fmt.Println(err)
	fmt.Println(cache.Status().Blocked)
	// Output:
	// jwks: the key was withdrawn by Block: claims: signing key is unknown
	// [leaked]
}

// A server that must start even while its issuer is down stores the latest document.
func ExampleConfig_seed() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: exampleKey("2026-11")})
	const file = "/var/lib/example/jwks.json"
	var seedTime time.Time
	seed, err := os.ReadFile(file)
	if info, errStat := os.Stat(file); err == nil && errStat == nil {
		seedTime = info.ModTime()
	} else {
		seed = nil // the first start
	}
	_, err = jwks.New(jwks.Config{
		Issuer:   issuer.URL(),
		Client:   issuer.Client(),
		Seed:     seed,
		SeedTime: seedTime,
		OnDocument: func(document []byte) {
			if err := os.WriteFile(file, document, 0o600); err != nil {
				slog.Warn("key set could not be stored", "error", err)
			}
		},
	})
	fmt.Println(err)
	// Output:
	// <nil>
}

// Several issuers share one limit on the fetches under way.
func ExampleNewFetchLimit() {
	limit := jwks.NewFetchLimit(16)
	for _, issuer := range []string{"https://a.example/", "https://b.example/"} {
		_, err := jwks.New(jwks.Config{Issuer: issuer, FetchLimit: limit})
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
}

func exampleKey(kid string) jwkstest.Key {
	k := jwkstest.NewKey("ES256")
	k.ID = kid
	return k
}
