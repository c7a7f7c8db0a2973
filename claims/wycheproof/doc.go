// Package wycheproof tests the verifier with the vectors of Project Wycheproof
// (github.com/C2SP/wycheproof). It runs every vector of json_web_signature, json_web_key and
// json_web_crypto, and the vectors of the signature algorithms that they use. It has only
// tests. This prints how many vectors were accepted, and for what reason the others were
// refused:
//
//	go test -v .
//
// Where the verifier does not do what a vector expects, a table gives the reason. No other
// vector is excepted.
//
// It is a separate module because the vectors are 100 MB, and because their module requires a
// newer Go than this library does.
package wycheproof
