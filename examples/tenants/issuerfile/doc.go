// Package issuerfile reads the issuers that an API trusts from a JSON file, and follows its
// changes. It is an example to copy.
//
// Most programs need [New] and Run of the [Watcher] that it returns:
//
//	watcher, err := issuerfile.New(issuerfile.Config{Path: "issuers.json", Replace: auth.Replace})
//	…
//	go watcher.Run(ctx)
//
// The file is a list of objects. Each has the fields of a [claims.Issuer], in snake case:
//
//	[
//	  {"url": "https://login.example.com/", "audiences": ["https://api.example.com"], "leeway": "10s"},
//	  {"preset": {"auth0": {"domain": "acme.eu.auth0.com", "audience": "https://api.example.com"}}}
//	]
//
// Keys and hooks cannot be in the file: keys are fetched, and hooks are code.
//
// # What is refused
//
// An unknown or duplicate member, a value of the wrong type, bytes after the list, any list within
// an issuer that has more than 1,000 elements, and a file of more than 1 MiB. An empty value is
// often a template that was not filled in, so null, an empty list, object or string, and a duration
// of zero are refused as well. To use the default, leave the member out. All mistakes are reported,
// at most 100, each with its place, which is a JSON Pointer.
//
// # Presets
//
// A preset is a constructor of package providers, with its arguments in snake case. Members next to
// it add to its settings: required_claims, claim_values, claim_one_of and claim_rules add checks.
// url, algorithms and max_lifetime replace what the preset has, as some providers need. Any other
// member is a mistake if the preset sets it, because it could replace what tells the provider's
// access tokens from its other tokens. The presets cloudflare_access and google_iap are for programs
// that set Config.TokenField of package middleware.
package issuerfile
