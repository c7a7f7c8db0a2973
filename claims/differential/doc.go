// Package differential compares the verifier with two others, github.com/go-jose/go-jose/v4
// and github.com/golang-jwt/jwt/v5, on tokens that a mutator makes up and signs. Each of
// these is a finding, unless a table of known differences says why it is right:
//
//   - the verifier accepts what another one refuses,
//   - the verifier refuses what another one accepts,
//   - both accept, and the claims that come out differ.
//
// It has tests only. go test runs the seeds, which are those of this package and every
// hostile header, payload and claim of the tests of package claims, and a fixed series of
// mutations. For more of them:
//
//	go test -run '^$' -fuzz '^FuzzMutations$' -fuzztime 1h .
//	go test -run '^$' -fuzz '^FuzzDocuments$' -fuzztime 1h .
//	go test -run '^$' -fuzz '^FuzzTokens$' -fuzztime 1h .
//
// It is a module of its own so that the library does not require its peers.
package differential
