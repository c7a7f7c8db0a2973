package contender

import (
	"context"
	"net/http"

	"github.com/go-chi/jwtauth/v5"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// jwtauthChi follows its README: Verifier, then Authenticator. It has one key, and knows
// neither key sets nor kid.
func jwtauthChi() Contender {
	return Contender{
		Name:    "go-chi/jwtauth v5, one key",
		Module:  "github.com/go-chi/jwtauth/v5",
		Setting: "`jwtauth.New` with the public key, WithIssuer and WithAudience; Verifier, then Authenticator.",
		Protect: func(_ context.Context, issuer *Issuer, app App) (http.Handler, error) {
			auth := jwtauth.New(issuer.Algorithm.JWA(), nil, issuer.Public,
				jwt.WithIssuer(issuer.URL), jwt.WithAudience(Audience))
			inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				token, claims, err := jwtauth.FromContext(r.Context())
				if err != nil {
					unauthorized(w)
					return
				}
				scope, _ := claims["scope"].(string)
				app(w, r, Identity{Subject: token.Subject(), CanRead: canRead(scope)})
			})
			return jwtauth.Verifier(auth)(jwtauth.Authenticator(auth)(inner)), nil
		},
	}
}
