package providers_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
)

// Kubernetes projects these files into a pod.
const (
	clusterAuthority = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
	ownToken         = "/var/run/secrets/kubernetes.io/serviceaccount/token"
)

// A server in a pod, which one service account of the same cluster may call. The server's own
// account needs the role system:service-account-issuer-discovery to read the keys. The caller's pod
// has a projected volume with the audience timesheets.
func ExampleKubernetes() {
	authority, err := os.ReadFile(clusterAuthority)
	if err != nil {
		fmt.Println("not in a pod")
		return
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		log.Fatal("no certificate authority")
	}
	keys, err := jwks.New(jwks.Config{
		URL:     "https://kubernetes.default.svc/openid/v1/jwks", // a private address, written by hand
		RootCAs: roots,
		Authorization: func(context.Context) (string, error) {
			token, err := os.ReadFile(ownToken) // Kubernetes renews it
			return "Bearer " + strings.TrimSpace(string(token)), err
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	issuer := providers.Kubernetes("https://kubernetes.default.svc.cluster.local", "timesheets",
		providers.KubernetesRule{ServiceAccounts: []string{"shop/checkout"}})
	issuer.Keys = keys
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{issuer}})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /timesheets", auth.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := claims.FromContext(r.Context())
		fmt.Fprintln(w, "hello,", caller.Subject()) // system:serviceaccount:shop:checkout
	})))
	server := &http.Server{Addr: ":8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
	// Output:
	// not in a pod
}
