package claims

import "context"

// A token is one token on its way through a Verifier. Each field tells what is known when it
// is set. A complete token has a valid signature and satisfies its issuer's settings. What can
// change later (expiry, keys, confirmation and the Validate hook) is checked for each request.
//
// The signature is not part of a token, so that the cache cannot keep it.
type token struct {
	// Set by read. Only the grammar has been checked: the bytes may be forged.
	header header
	claims *Claims

	// Set by accept, in this order.
	issuer       *Issuer // that iss names; header and claims satisfy its settings
	signingInput []byte  // a copy of header and payload as received; never changed
	key          Key     // that made the signature of signingInput: nothing is forged
}

// verifySignature returns the key of the issuer that made the signature, over the exact
// bytes received (RFC 7515 section 5.2).
func (t *token) verifySignature(ctx context.Context, signature []byte) (Key, error) {
	keys, err := t.issuer.candidates(ctx, t.header)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key != nil && key.Verify(t.signingInput, signature) == nil {
			return key, nil
		}
	}
	return nil, refuse(ErrSignature, "")
}
