package contender

import (
	"context"
	"crypto"
	"errors"
	"net/http"

	"github.com/MicahParks/keyfunc/v3"
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
			return parsed(issuer, app, func(token *jwt.Token) (any, error) {
				kid, _ := token.Header["kid"].(string)
				if key, ok := keys[kid]; ok {
					return key, nil
				}
				return nil, errUnknownKey
			}), nil
		},
	}
}

// golangJWTWithKeyfunc has the key source that golang-jwt's users take most.
func golangJWTWithKeyfunc() Contender {
	return Contender{
		Name:    "golang-jwt v5, keyfunc v3",
		Module:  "github.com/MicahParks/keyfunc/v3",
		Setting: "The same with the keys of `keyfunc.NewDefaultCtx`.",
		Protect: func(ctx context.Context, issuer *Issuer, app App) (http.Handler, error) {
			keys, err := keyfunc.NewDefaultCtx(ctx, []string{issuer.JWKSURL})
			if err != nil {
				return nil, err
			}
			return parsed(issuer, app, keys.Keyfunc), nil
		},
	}
}

func parsed(issuer *Issuer, app App, find jwt.Keyfunc) http.Handler {
	parser := request.WithParser(jwt.NewParser(
		jwt.WithValidMethods([]string{issuer.Algorithm.JWA()}),
		jwt.WithIssuer(issuer.URL), jwt.WithAudience(Audience)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c golangClaims
		_, err := request.ParseFromRequest(r, request.AuthorizationHeaderExtractor, find,
			request.WithClaims(&c), parser)
		if err != nil {
			unauthorized(w)
			return
		}
		app(w, r, Identity{Subject: c.Subject, CanRead: canRead(c.Scope)})
	})
}
