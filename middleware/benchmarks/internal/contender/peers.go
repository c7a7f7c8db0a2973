package contender

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/MicahParks/keyfunc/v3"
	auth0 "github.com/auth0/go-jwt-middleware/v3"
	auth0jwks "github.com/auth0/go-jwt-middleware/v3/jwks"
	"github.com/auth0/go-jwt-middleware/v3/validator"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-chi/jwtauth/v5"
	"github.com/golang-jwt/jwt/v5"
	"github.com/golang-jwt/jwt/v5/request"
	"github.com/lestrrat-go/httprc/v3"
	jwk2 "github.com/lestrrat-go/jwx/v2/jwk"
	jwt2 "github.com/lestrrat-go/jwx/v2/jwt"
	jwk3 "github.com/lestrrat-go/jwx/v3/jwk"
	jwt3 "github.com/lestrrat-go/jwx/v3/jwt"
)

// Peers returns the other libraries in the order of the tables.
func Peers() []Contender {
	return []Contender{
		{
			"golang-jwt v5, static keys", "github.com/golang-jwt/jwt/v5",
			"`request.ParseFromRequest` into a struct, with WithValidMethods, WithIssuer and WithAudience; " +
				"keys from a map by kid.", golangJWT,
		},
		{
			"golang-jwt v5, keyfunc v3", "github.com/MicahParks/keyfunc/v3",
			"As golang-jwt v5, static keys, with the keys of `keyfunc.NewDefaultCtx`.", golangJWTWithKeyfunc,
		},
		{
			"coreos go-oidc v3", "github.com/coreos/go-oidc/v3",
			"`oidc.NewProvider` by discovery and its `Verifier`, the audience as ClientID.", goOIDC,
		},
		{
			"jwx v2 ParseRequest", "github.com/lestrrat-go/jwx/v2",
			"`jwk.Cache` as a `jwk.CachedSet`; `jwt.ParseRequest` with WithKeySet, WithIssuer, WithAudience.", jwx2,
		},
		{"jwx v3 ParseRequest", "github.com/lestrrat-go/jwx/v3", "As jwx v2, with version 3.", jwx3},
		{
			"go-chi jwtauth v5, one key", "github.com/go-chi/jwtauth/v5",
			"`jwtauth.New` with the public key, WithIssuer and WithAudience; Verifier, then Authenticator.", chiJWTAuth,
		},
		{
			"auth0 go-jwt-middleware v3", "github.com/auth0/go-jwt-middleware/v3",
			"`jwks.NewCachingProvider` by discovery, one algorithm, custom claims for the scope.", auth0Middleware,
		},
	}
}

// identified calls app with the identity, or answers 401 if there is an error. It is for
// libraries that leave the answer to the application.
func identified(app App, identify func(r *http.Request) (Identity, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := identify(r)
		if err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
			return
		}
		app(w, r, id)
	})
}

var errUnknownKey = errors.New("unknown kid")

// golangJWT follows the HTTP example of golang-jwt with the recommended parser options.
// golang-jwt fetches no keys, so the keys are in a fixed map.
func golangJWT(_ context.Context, issuer *Issuer, app App) (http.Handler, error) {
	keys := map[string]crypto.PublicKey{issuer.KeyID: issuer.Public}
	return golangParser(issuer, app, func(token *jwt.Token) (any, error) {
		kid, _ := token.Header["kid"].(string)
		if key, ok := keys[kid]; ok {
			return key, nil
		}
		return nil, errUnknownKey
	}), nil
}

// golangJWTWithKeyfunc adds the key source that is most used with golang-jwt.
func golangJWTWithKeyfunc(ctx context.Context, issuer *Issuer, app App) (http.Handler, error) {
	keys, err := keyfunc.NewDefaultCtx(ctx, []string{issuer.JWKSURL})
	if err != nil {
		return nil, err
	}
	return golangParser(issuer, app, keys.Keyfunc), nil
}

type golangClaims struct {
	jwt.RegisteredClaims
	Scope string `json:"scope"`
}

func golangParser(issuer *Issuer, app App, find jwt.Keyfunc) http.Handler {
	parser := request.WithParser(jwt.NewParser(
		jwt.WithValidMethods([]string{issuer.Algorithm.JWA()}), jwt.WithIssuer(issuer.URL), jwt.WithAudience(Audience)))
	return identified(app, func(r *http.Request) (Identity, error) {
		var c golangClaims
		_, err := request.ParseFromRequest(r, request.AuthorizationHeaderExtractor, find, request.WithClaims(&c), parser)
		return Identity{Subject: c.Subject, CanRead: canRead(c.Scope)}, err
	})
}

// goOIDC uses a library for ID tokens. Resource servers use it for access tokens, with
// the identifier of the API as the client ID.
func goOIDC(ctx context.Context, issuer *Issuer, app App) (http.Handler, error) {
	provider, err := oidc.NewProvider(ctx, issuer.URL)
	if err != nil {
		return nil, err
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: Audience})
	return identified(app, func(r *http.Request) (Identity, error) {
		token, err := verifier.Verify(r.Context(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err != nil {
			return Identity{}, err
		}
		var custom struct {
			Scope string `json:"scope"`
		}
		err = token.Claims(&custom)
		return Identity{Subject: token.Subject, CanRead: canRead(custom.Scope)}, err
	}), nil
}

// jwx2 uses the key set cache and the request parser of jwx v2.
func jwx2(ctx context.Context, issuer *Issuer, app App) (http.Handler, error) {
	cache := jwk2.NewCache(ctx)
	if err := cache.Register(issuer.JWKSURL); err != nil {
		return nil, err
	}
	if _, err := cache.Refresh(ctx, issuer.JWKSURL); err != nil {
		return nil, err
	}
	options := []jwt2.ParseOption{
		jwt2.WithKeySet(jwk2.NewCachedSet(cache, issuer.JWKSURL)), jwt2.WithIssuer(issuer.URL), jwt2.WithAudience(Audience),
	}
	return identified(app, func(r *http.Request) (Identity, error) {
		token, err := jwt2.ParseRequest(r, options...)
		if err != nil {
			return Identity{}, err
		}
		claim, _ := token.Get("scope")
		scope, _ := claim.(string)
		return Identity{Subject: token.Subject(), CanRead: canRead(scope)}, nil
	}), nil
}

// jwx3 does the same as jwx2 with version 3.
func jwx3(ctx context.Context, issuer *Issuer, app App) (http.Handler, error) {
	cache, err := jwk3.NewCache(ctx, httprc.NewClient())
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
	options := []jwt3.ParseOption{jwt3.WithKeySet(keys), jwt3.WithIssuer(issuer.URL), jwt3.WithAudience(Audience)}
	return identified(app, func(r *http.Request) (Identity, error) {
		token, err := jwt3.ParseRequest(r, options...)
		if err != nil {
			return Identity{}, err
		}
		var scope string
		_ = token.Get("scope", &scope) // empty without the claim
		subject, _ := token.Subject()
		return Identity{Subject: subject, CanRead: canRead(scope)}, nil
	}), nil
}

// chiJWTAuth follows the README of jwtauth: Verifier, then Authenticator. jwtauth supports
// one key, and neither key sets nor kid.
func chiJWTAuth(_ context.Context, issuer *Issuer, app App) (http.Handler, error) {
	auth := jwtauth.New(issuer.Algorithm.JWA(), nil, issuer.Public, jwt2.WithIssuer(issuer.URL), jwt2.WithAudience(Audience))
	inner := identified(app, func(r *http.Request) (Identity, error) {
		token, claims, err := jwtauth.FromContext(r.Context())
		if err != nil {
			return Identity{}, err
		}
		scope, _ := claims["scope"].(string)
		return Identity{Subject: token.Subject(), CanRead: canRead(scope)}, nil
	})
	return jwtauth.Verifier(auth)(jwtauth.Authenticator(auth)(inner)), nil
}

type auth0Claims struct {
	Scope string `json:"scope"`
}

// Validate implements validator.CustomClaims.
func (*auth0Claims) Validate(context.Context) error { return nil }

// auth0Middleware follows the production example and the custom claims of its README.
func auth0Middleware(_ context.Context, issuer *Issuer, app App) (http.Handler, error) {
	location, err := url.Parse(issuer.URL)
	if err != nil {
		return nil, err
	}
	keys, err := auth0jwks.NewCachingProvider(auth0jwks.WithIssuerURL(location))
	if err != nil {
		return nil, err
	}
	check, err := validator.New(
		validator.WithKeyFunc(keys.KeyFunc),
		validator.WithAlgorithm(validator.SignatureAlgorithm(issuer.Algorithm.JWA())),
		validator.WithIssuer(issuer.URL),
		validator.WithAudience(Audience),
		validator.WithCustomClaims(func() *auth0Claims { return &auth0Claims{} }),
	)
	if err != nil {
		return nil, err
	}
	auth, err := auth0.New(auth0.WithValidator(check))
	if err != nil {
		return nil, err
	}
	return auth.CheckJWT(identified(app, func(r *http.Request) (Identity, error) {
		c, err := auth0.GetClaims[*validator.ValidatedClaims](r.Context())
		if err != nil {
			return Identity{}, err
		}
		scope := c.CustomClaims.(*auth0Claims).Scope
		return Identity{Subject: c.RegisteredClaims.Subject, CanRead: canRead(scope)}, nil
	})), nil
}

// canRead looks for ReadScope as the documentation of the other libraries does.
func canRead(scope string) bool { return slices.Contains(strings.Fields(scope), ReadScope) }
