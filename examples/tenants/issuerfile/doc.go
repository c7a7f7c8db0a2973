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
// Keys cannot be in the file: they are fetched. Nor can hooks.
//
// # What is refused
//
// An unknown or duplicate member, a value of the wrong type, bytes after the list, and a file of
// more than 1 MiB. An empty or missing value often is a template that was not filled in, so null,
// an empty list, object or string, and a duration of zero are refused as well. To use the default,
// leave the member out. All mistakes are reported, each with its place, which is a JSON Pointer.
//
// # Presets
//
// A preset is a constructor of package providers, with its arguments in snake case. A member next to
// it adds to the preset's settings. It replaces only what is not a check (url), or what narrows or
// widens one explicitly (algorithms, max_lifetime). Any other member that the preset sets is a
// mistake, because it would replace what tells access tokens from other tokens.
package issuerfile
