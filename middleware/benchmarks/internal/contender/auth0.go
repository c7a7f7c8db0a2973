package contender

import (
	"context"
	"net/http"
	"net/url"

	jwtmiddleware "github.com/auth0/go-jwt-middleware/v3"
	auth0jwks "github.com/auth0/go-jwt-middleware/v3/jwks"
	"github.com/auth0/go-jwt-middleware/v3/validator"
)

type auth0Claims struct {
	Scope string `json:"scope"`
}

// Validate implements validator.CustomClaims.
func (*auth0Claims) Validate(context.Context) error { return nil }

// auth0 follows the production example of its README, with the custom claims of the same.
func auth0() Contender {
	return Contender{
		Name:    "auth0/go-jwt-middleware v3",
		Module:  "github.com/auth0/go-jwt-middleware/v3",
		Setting: "`jwks.NewCachingProvider` by discovery, one algorithm, custom claims for the scope.",
		Protect: func(_ context.Context, issuer *Issuer, app App) (http.Handler, error) {
			check, err := auth0Validator(issuer)
			if err != nil {
				return nil, err
			}
			auth, err := jwtmiddleware.New(jwtmiddleware.WithValidator(check))
			if err != nil {
				return nil, err
			}
			return auth.CheckJWT(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := jwtmiddleware.GetClaims[*validator.ValidatedClaims](r.Context())
				if err != nil {
					unauthorized(w)
					return
				}
				scope := c.CustomClaims.(*auth0Claims).Scope
				app(w, r, Identity{Subject: c.RegisteredClaims.Subject, CanRead: canRead(scope)})
			})), nil
		},
	}
}

func auth0Validator(issuer *Issuer) (*validator.Validator, error) {
	location, err := url.Parse(issuer.URL)
	if err != nil {
		return nil, err
	}
	keys, err := auth0jwks.NewCachingProvider(auth0jwks.WithIssuerURL(location))
	if err != nil {
		return nil, err
	}
	return validator.New(
		validator.WithKeyFunc(keys.KeyFunc),
		validator.WithAlgorithm(validator.SignatureAlgorithm(issuer.Algorithm.JWA())),
		validator.WithIssuer(issuer.URL),
		validator.WithAudience(Audience),
		validator.WithCustomClaims(func() *auth0Claims { return &auth0Claims{} }),
	)
}
