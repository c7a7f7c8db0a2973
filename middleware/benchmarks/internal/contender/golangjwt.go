package contender

import (
	"context"
	"crypto"
	"errors"
	"net/http"

	"github.com/golang-jwt/jwt/v5"
	"github.com/golang-jwt/jwt/v5/request"
)

type golangClaims struct {
	jwt.RegisteredClaims
	Scope string `json:"scope"`
}

var errUnknownKey = errors.New("unknown kid")

// golangJWT follows its HTTP example, with the parser options that it recommends. It has
// no key source of its own: the keys are a map that never changes.
func golangJWT() Contender {
	return Contender{
		Name:   "golang-jwt v5, static keys",
		Module: "github.com/golang-jwt/jwt/v5",
		Setting: "`request.ParseFromRequest` into a struct, with WithValidMethods, WithIssuer and WithAudience; " +
			"keys from a map by kid.",
		Protect: func(_ context.Context, issuer *Issuer, app App) (http.Handler, error) {
			keys := map[string]crypto.PublicKey{issuer.KeyID: issuer.Public}
			parser := request.WithParser(jwt.NewParser(
				jwt.WithValidMethods([]string{issuer.Algorithm.JWA()}),
				jwt.WithIssuer(issuer.URL), jwt.WithAudience(Audience)))
			find := func(token *jwt.Token) (any, error) {
				kid, _ := token.Header["kid"].(string)
				if key, ok := keys[kid]; ok {
					return key, nil
				}
				return nil, errUnknownKey
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var c golangClaims
				_, err := request.ParseFromRequest(r, request.AuthorizationHeaderExtractor, find,
					request.WithClaims(&c), parser)
				if err != nil {
					unauthorized(w)
					return
				}
				app(w, r, Identity{Subject: c.Subject, CanRead: canRead(c.Scope)})
			}), nil
		},
	}
}
