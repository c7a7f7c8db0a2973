// Package differential compares the verifier with two others on generated tokens: with
// github.com/go-jose/go-jose/v4 and github.com/golang-jwt/jwt/v5. A mutator makes and signs
// the tokens. Each of these results is a finding, unless a table of known differences
// says why it is right:
//
//   - the verifier accepts a token that another one refuses,
//   - the verifier refuses a token that another one accepts,
//   - both accept a token, but return different claims.
//
// It has only tests. go test runs the hostile members of this package and a fixed series of
// mutations. It also runs the fuzz seeds, which include every hostile header, payload and
// claim of the tests of package claims. To run more mutations:
//
//	go test -run '^$' -fuzz '^FuzzMutations$' -fuzztime 1h .
//	go test -run '^$' -fuzz '^FuzzDocuments$' -fuzztime 1h .
//	go test -run '^$' -fuzz '^FuzzTokens$' -fuzztime 1h .
//
// It is a separate module so that the library does not require the other verifiers.
package differential
