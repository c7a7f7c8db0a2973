package providers

import (
	"regexp"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A KubernetesRule says which service accounts of a cluster are accepted. At least one field is
// required. All fields that are set must match.
type KubernetesRule struct {
	_ [0]func() // written with field names

	// ServiceAccounts are namespaces and names: "shop/checkout". A name is reusable: an account
	// that is created again after its deletion is accepted, too.
	ServiceAccounts []string
	// UIDs are the uid of service accounts, which is never used again. kubectl get
	// serviceaccount NAME -o jsonpath={.metadata.uid} shows it.
	UIDs []string
	// Namespaces are namespaces whose service accounts are accepted, all of them. Their names
	// are reusable as well.
	Namespaces []string
}

// Kubernetes returns the Issuer for service accounts of a cluster. url is the cluster's
// --service-account-issuer, byte for byte: kubectl get --raw /.well-known/openid-configuration
// shows it. audience is the API's own: a projected volume of the pod asks for it.
//
//   - EKS: https://oidc.eks.REGION.amazonaws.com/id/ID
//   - GKE: https://container.googleapis.com/v1/projects/PROJECT/locations/LOCATION/clusters/NAME
//   - AKS: https://REGION.oic.prod-aks.azure.com/TENANT/ID/, with the slash
//   - kubeadm and kind: https://kubernetes.default.svc.cluster.local
//
// Every pod of the cluster can get a token for any audience, so a rule is required. The default
// audience is a mistake: tokens with it are for the API server, to which the API could send them
// in the name of its callers. A cluster that changes its issuer has several for some time:
// configure an Issuer for each.
//
// The managed clusters above publish their keys at url. Elsewhere the keys are at the API server, at
// a private address, behind authentication and with a certificate of the cluster's own
// authority: set Keys to a jwks.Cache, as the example does.
//
// A token stays valid until exp although its pod, or the account, was deleted. The TokenReview API
// of Kubernetes knows of it. MaxLifetime is 25 hours: projected tokens live for an hour by default,
// and for a day on EKS. The tokens of a year that the API server extends for old clients are
// refused. Tokens have neither a typ nor scopes.
//
//	{"iss":"https://kubernetes.default.svc.cluster.local","aud":["timesheets"],"sub":"system:serviceaccount:shop:checkout",
//	 "kubernetes.io":{"namespace":"shop","serviceaccount":{"name":"checkout","uid":"guid"}},"iat":1,"nbf":1,"exp":2}
//
// Sources: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/ and
// https://github.com/kubernetes/kubernetes/blob/master/pkg/serviceaccount/claims.go
// (2026-11-28).
func Kubernetes(url, audience string, rule KubernetesRule) claims.Issuer {
	l := newLimits()
	l.oneOf("ServiceAccounts", rule.ServiceAccounts, kubernetesAccount, "/sub")
	l.oneOf("UIDs", rule.UIDs, kubernetesUID, "/kubernetes.io/serviceaccount/uid")
	l.oneOf("Namespaces", rule.Namespaces, kubernetesName, "/kubernetes.io/namespace")
	for n, account := range l.rules["/sub"] {
		l.rules["/sub"][n] = subjectOf(account.(string))
	}
	l.check(rule.ServiceAccounts == nil && rule.UIDs == nil && rule.Namespaces == nil,
		"KubernetesRule: ServiceAccounts, UIDs or Namespaces is required: all pods of the cluster get tokens of this issuer")
	l.checkAudience(audience, audience == url, "the audience must be the API's own: every pod has a token for the API server, whose audience is this URL by default")
	return claims.Issuer{
		URL:         url,
		Audiences:   []string{audience},
		Algorithms:  []string{"RS256", "ES256", "ES384", "ES512"},
		MaxLifetime: 25 * time.Hour,
		ClaimRules:  l.rules,
		MustLimit:   []string{"/sub", "/kubernetes.io/serviceaccount/uid", "/kubernetes.io/namespace"},
		Err:         l.err(),
	}
}

// subjectOf returns the sub of a service account that is written as NAMESPACE/NAME.
func subjectOf(account string) string {
	return "system:serviceaccount:" + strings.Replace(account, "/", ":", 1)
}

var (
	kubernetesName    = form{regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`), "the name of a namespace, without a wildcard"}
	kubernetesAccount = form{regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`), "NAMESPACE/NAME"}
	kubernetesUID     = form{guid, "the uid, a GUID in lower case"}
)
