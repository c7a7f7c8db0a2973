package claims

// A token is one token on its way through a Verifier. Each field tells what is known when it
// is set. A complete token has a valid signature and satisfies its issuer's settings. What can
// change later (expiry, keys, confirmation and the Validate hook) is checked for each request.
//
// The signature is not part of a token, so that the cache cannot keep it.
type token struct {
	// Set by headerCheck and claimsCheck. Only the grammar has been checked: the bytes may be
	// forged.
	header header
	claims *Claims

	// Set by issuerCheck and signatureCheck. Before keyCheck, the settings of the issuer are
	// checked.
	issuer       *Issuer // that iss names
	signingInput []byte  // a copy of header and payload as received; never changed
	key          Key     // that made the signature of signingInput: nothing is forged
}
