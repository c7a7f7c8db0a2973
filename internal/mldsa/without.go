//go:build !go1.27

package mldsa

import "crypto"

// A parsedKey cannot exist.
type parsedKey struct{}

func parse(string, []byte) (parsedKey, error) { return parsedKey{}, ErrGo }

func (parsedKey) verify(_, _ []byte) error { return ErrGo }

func standardKey(crypto.PublicKey) (alg string, encoded []byte, ok bool) { return "", nil, false }

// Generate returns a new private key, or the error of Missing.
func Generate(string) (private any, err error) { return nil, ErrGo }

// Public returns the public key of a private key that Generate made. It reports false for any
// other type.
func Public(any) (alg string, encoded []byte, ok bool) { return "", nil, false }

// Sign signs with a private key that Generate made. It reports false for any other type.
func Sign(any, []byte) (signature []byte, ok bool, err error) { return nil, false, nil }
