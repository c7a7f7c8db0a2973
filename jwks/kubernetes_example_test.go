package jwks_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/jwks"
)

// In a pod, the service accounts of one namespace of the same cluster are accepted as callers. The key set of
// the API server is behind authentication, has a certificate of the cluster's own authority and
// a private address. The pod's account needs the role system:service-account-issuer-discovery.
func ExampleConfig_kubernetes() {
	const account = "/var/run/secrets/kubernetes.io/serviceaccount/"
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		fmt.Println("not in a pod")
		return
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	keys, err := jwks.New(jwks.Config{
		URL:     "https://kubernetes.default.svc/openid/v1/jwks",
		RootCAs: roots,
		Authorization: func(context.Context) (string, error) {
			token, err := os.ReadFile(account + "token") // Kubernetes renews it
			return "Bearer " + strings.TrimSpace(string(token)), err
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	// Of --service-account-issuer, and of the projected volume. Without a rule, every pod could call.
	issuer := providers.Kubernetes("https://kubernetes.default.svc.cluster.local", "timesheets",
		providers.KubernetesRule{Namespaces: []string{"shop"}})
	issuer.Keys = keys
	verifier, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	if err != nil {
		log.Fatal(err)
	}
	_ = verifier // for Verifier of middleware.Config
	// Output:
	// not in a pod
}
