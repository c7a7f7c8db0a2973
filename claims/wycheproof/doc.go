// Package wycheproof holds the verifier to the vectors of Project Wycheproof
// (github.com/C2SP/wycheproof): every one of json_web_signature, json_web_key and
// json_web_crypto, and those of the signature algorithms beneath. It has tests only:
//
//	go test -v .
//
// prints how many vectors were accepted and for what reason the others were refused.
// Where the verifier does not do what a vector expects, a table says why; there is no
// other way for a vector not to count.
//
// It is a module of its own because the vectors are 100 MB, and because their module
// demands a newer Go than this library does.
package wycheproof
