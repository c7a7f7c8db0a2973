package contender

import (
	"context"
	"net/http"

	"github.com/lestrrat-go/httprc/v3"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// jwxThree is jwxTwo with the next major version.
func jwxThree() Contender {
	return Contender{
		Name:    "jwx v3 ParseRequest",
		Module:  "github.com/lestrrat-go/jwx/v3",
		Setting: "The same with version 3.",
		Protect: func(ctx context.Context, issuer *Issuer, app App) (http.Handler, error) {
			cache, err := jwk.NewCache(ctx, httprc.NewClient())
			if err != nil {
				return nil, err
			}
			if err := cache.Register(ctx, issuer.JWKSURL); err != nil {
				return nil, err
			}
			keys, err := cache.CachedSet(issuer.JWKSURL)
			if err != nil {
				return nil, err
			}
			options := []jwt.ParseOption{
				jwt.WithKeySet(keys), jwt.WithIssuer(issuer.URL), jwt.WithAudience(Audience),
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				token, err := jwt.ParseRequest(r, options...)
				if err != nil {
					unauthorized(w)
					return
				}
				var scope string
				_ = token.Get("scope", &scope) // a token without has none
				subject, _ := token.Subject()
				app(w, r, Identity{Subject: subject, CanRead: canRead(scope)})
			}), nil
		},
	}
}
