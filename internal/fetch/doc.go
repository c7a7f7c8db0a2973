// Package fetch says where bytes may come from. It makes requests that are bounded in every
// direction: which hosts are dialled, how long a request takes, how long an answer
// is, and which bytes of an answer get into an error text.
//
// It knows nothing of what a document means. Package jwks reads key sets and discovery
// documents with it, and package introspection asks an issuer about tokens.
package fetch
