package contender

import (
	"context"
	"net/http"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// goOIDC verifies what its documentation calls an ID token; resource servers use it for
// access tokens with the API's identifier as client ID.
func goOIDC() Contender {
	return Contender{
		Name:    "coreos/go-oidc v3",
		Module:  "github.com/coreos/go-oidc/v3",
		Setting: "`oidc.NewProvider` by discovery and its `Verifier`, the audience as ClientID.",
		Protect: func(ctx context.Context, issuer *Issuer, app App) (http.Handler, error) {
			provider, err := oidc.NewProvider(ctx, issuer.URL)
			if err != nil {
				return nil, err
			}
			verifier := provider.Verifier(&oidc.Config{ClientID: Audience})
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				id, err := oidcIdentity(r, verifier)
				if err != nil {
					unauthorized(w)
					return
				}
				app(w, r, id)
			}), nil
		},
	}
}

func oidcIdentity(r *http.Request, verifier *oidc.IDTokenVerifier) (Identity, error) {
	raw := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	token, err := verifier.Verify(r.Context(), raw)
	if err != nil {
		return Identity{}, err
	}
	var custom struct {
		Scope string `json:"scope"`
	}
	if err := token.Claims(&custom); err != nil {
		return Identity{}, err
	}
	return Identity{Subject: token.Subject, CanRead: canRead(custom.Scope)}, nil
}
