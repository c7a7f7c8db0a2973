package contender

import (
	"context"
	"net/http"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// jwxTwo is what jwx v2 offers by itself: its cache of key sets and its request parser.
func jwxTwo() Contender {
	return Contender{
		Name:    "jwx v2 ParseRequest",
		Module:  "github.com/lestrrat-go/jwx/v2",
		Setting: "`jwk.Cache` as a `jwk.CachedSet`; `jwt.ParseRequest` with WithKeySet, WithIssuer, WithAudience.",
		Protect: func(ctx context.Context, issuer *Issuer, app App) (http.Handler, error) {
			cache := jwk.NewCache(ctx)
			if err := cache.Register(issuer.JWKSURL); err != nil {
				return nil, err
			}
			if _, err := cache.Refresh(ctx, issuer.JWKSURL); err != nil {
				return nil, err
			}
			options := []jwt.ParseOption{
				jwt.WithKeySet(jwk.NewCachedSet(cache, issuer.JWKSURL)),
				jwt.WithIssuer(issuer.URL), jwt.WithAudience(Audience),
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				token, err := jwt.ParseRequest(r, options...)
				if err != nil {
					unauthorized(w)
					return
				}
				claim, _ := token.Get("scope")
				scope, _ := claim.(string)
				app(w, r, Identity{Subject: token.Subject(), CanRead: canRead(scope)})
			}), nil
		},
	}
}
