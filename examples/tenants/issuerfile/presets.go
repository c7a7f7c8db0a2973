package issuerfile

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

// presets are the constructors of package providers that a file can name. An argument that is
// missing is a mistake, except for the rules of workloads, of which a constructor demands one.
var presets = map[string]func(a *object) []claims.Issuer{
	"auth0": func(a *object) []claims.Issuer {
		return one(providers.Auth0(a.required("domain"), a.required("audience")))
	},
	"aws": func(a *object) []claims.Issuer {
		return one(providers.AWS(a.required("issuer_url"), a.required("audience"), providers.AWSRule{
			Principals:    a.optionalList("principals"),
			Accounts:      a.optionalList("accounts"),
			Organizations: a.optionalList("organizations"),
		}))
	},
	"clerk": func(a *object) []claims.Issuer {
		return one(providers.Clerk(a.required("domain"), a.requiredList("origins")...))
	},
	"cloudflare_access": func(a *object) []claims.Issuer {
		return one(providers.CloudflareAccess(a.required("team"), a.required("audience")))
	},
	"cognito": func(a *object) []claims.Issuer {
		return one(providers.Cognito(a.required("region"), a.required("user_pool"), a.requiredList("client_ids")...))
	},
	"cognito_updated": func(a *object) []claims.Issuer {
		return one(providers.CognitoUpdated(a.required("region"), a.required("user_pool"), a.requiredList("client_ids")...))
	},
	"entra": func(a *object) []claims.Issuer {
		return providers.Entra(a.required("client_id"), a.requiredList("tenants")...)
	},
	"firebase": func(a *object) []claims.Issuer {
		return one(providers.Firebase(a.required("project"), a.requiredList("sign_in_providers")...))
	},
	"github_actions": func(a *object) []claims.Issuer {
		return one(providers.GitHubActions(a.required("audience"), providers.GitHubRule{
			RepositoryIDs: a.optionalList("repository_ids"),
			OwnerIDs:      a.optionalList("owner_ids"),
			Refs:          a.optionalList("refs"),
			Environments:  a.optionalList("environments"),
			Workflows:     a.optionalList("workflows"),
			Events:        a.optionalList("events"),
		}))
	},
	"gitlab_ci": func(a *object) []claims.Issuer {
		rule := providers.GitLabRule{
			ProjectIDs:   a.optionalList("project_ids"),
			NamespaceIDs: a.optionalList("namespace_ids"),
			Refs:         a.optionalList("refs"),
			Environments: a.optionalList("environments"),
			Sources:      a.optionalList("sources"),
		}
		take(a, "unprotected_refs", "true or false", &rule.UnprotectedRefs)
		return one(providers.GitLabCI(a.required("url"), a.required("audience"), rule))
	},
	"google_iap": func(a *object) []claims.Issuer {
		return one(providers.GoogleIAP(a.required("audience")))
	},
	"google_service_account": func(a *object) []claims.Issuer {
		return one(providers.GoogleServiceAccount(a.required("audience"), providers.GoogleRule{
			UniqueIDs: a.optionalList("unique_ids"),
			Emails:    a.optionalList("emails"),
		}))
	},
	"keycloak": func(a *object) []claims.Issuer {
		return one(providers.Keycloak(a.required("base_url"), a.required("realm"), a.required("audience")))
	},
	"kubernetes": func(a *object) []claims.Issuer {
		return one(providers.Kubernetes(a.required("url"), a.required("audience"), providers.KubernetesRule{
			ServiceAccounts: a.optionalList("service_accounts"),
			UIDs:            a.optionalList("uids"),
			Namespaces:      a.optionalList("namespaces"),
		}))
	},
	"okta": func(a *object) []claims.Issuer {
		return one(providers.Okta(a.required("domain"), a.required("server"), a.required("audience")))
	},
	"supabase": func(a *object) []claims.Issuer {
		return one(providers.Supabase(a.required("domain")))
	},
	"zitadel": func(a *object) []claims.Issuer {
		return one(providers.Zitadel(a.required("domain"), a.required("project")))
	},
}

func one(issuer claims.Issuer) []claims.Issuer { return []claims.Issuer{issuer} }

// fromPreset returns the issuers of the preset that o names. Without one, it returns an issuer
// without any setting.
func fromPreset(o *object) []claims.Issuer {
	const want = `an object with one member, {"NAME": {ARGUMENTS}}`
	if !o.has("preset") {
		return []claims.Issuer{{}}
	}
	var named map[string]jsontext.Value
	take(o, "preset", want, &named)
	if len(named) != 1 {
		if len(named) > 1 {
			o.mistake("preset", "it must be %s", want)
		}
		return nil
	}
	for name, value := range named {
		build := presets[name]
		if build == nil {
			o.mistake("preset", "there is no preset %q: it can be %s", name, strings.Join(slices.Sorted(maps.Keys(presets)), ", "))
			return nil
		}
		arguments := newObject(o.place("preset").AppendToken(name), value, o.mistakes)
		defer arguments.end()
		return build(arguments)
	}
	return nil
}
