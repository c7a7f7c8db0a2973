package claims

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/internal/mldsa"
	"github.com/bearerguard/bearerguard/internal/strict"
)

func (e *explanation) algHint() string {
	alg := e.header.alg
	accepted := e.trust.algorithms
	if e.issuer != nil {
		accepted = e.issuer.Algorithms
	}
	if hint := e.otherKindHint(); hint != "" { // Keycloak signs refresh tokens with a secret
		return hint
	}
	known, missing := isAsymmetric(alg), missingFor(alg)
	switch {
	case strings.EqualFold(alg, "none"):
		return "The token is not signed, so every caller can write one. The client must send it as the issuer has signed it."
	case isSymmetric(alg):
		return "This alg needs a secret that issuer and API share, and no public key can check it. Set the API to RS256 at the issuer, " +
			"or configure jwks.NewSecrets and Issuer.Algorithms."
	case missing != nil:
		return missing.Error() + otherAlgHint
	case known && slices.ContainsFunc(accepted, isSymmetric):
		return "The issuer signs with a key pair. Remove its secrets and Issuer.Algorithms from the configuration, and use its published keys."
	case known:
		return fmt.Sprintf("If the issuer is meant to sign with %s, add it to Issuer.Algorithms.", quoted(alg))
	}
	return "This library does not verify this alg" + otherAlgHint
}

const otherAlgHint = ". Have the issuer sign with one of the expected ones."

func (e *explanation) keyHint() string {
	var unavailable *UnavailableError
	kid := e.header.kid
	owner := e.otherOwner()
	switch {
	case errors.As(e.keyError, &unavailable):
		return "Look at the address of the issuer and at the network. The cause: " + plain(causeOf(unavailable.Err), 2*shownBytes)
	case errors.Is(e.keyError, ErrUnusableKey):
		return "Have the issuer publish a key that can be used. The cause: " + plain(causeOf(errors.Unwrap(e.keyError)), 2*shownBytes)
	case owner != "":
		return fmt.Sprintf("The key is one of the issuer %s. Look whether iss and key are of the same environment.", quoted(owner))
	case kid == "":
		return "The token has no kid, so its key cannot be told from others. Have the issuer write kid."
	case slices.Contains(e.keySet.KeyIDs, kid):
		return fmt.Sprintf("The issuer has a key with this kid, but it is not for %s. Have the issuer write the alg of the key.", quoted(e.header.alg))
	case len(e.keySet.KeyIDs) == 0:
		return "The issuer has no such key. Look whether the token is of the same environment as the configuration."
	case e.options.Fetch:
		return fmt.Sprintf("The issuer has %s. Look whether the token is of the same environment, or older than the last rotation.", e.describeKeys())
	}
	return fmt.Sprintf("There are %s: if the key is new, ask with Options.Fetch. "+
		"Otherwise look whether the token is of the same environment, or older than the last rotation.", e.describeKeys())
}

func causeOf(err error) string {
	if err == nil {
		return "unknown"
	}
	return err.Error()
}

// signatureBytes are the lengths that RFC 7518 sections 3.2 and 3.4, RFC 8037 section 3.1 and
// RFC 9964 section 5 demand. That of RSA depends on the key.
var signatureBytes = map[string]int{
	"ES256": 64, "ES384": 96, "ES512": 132, "EdDSA": 64, "Ed25519": 64, "HS256": 32, "HS384": 48, "HS512": 64,
	"ML-DSA-44": mldsa.SignatureBytes("ML-DSA-44"), "ML-DSA-65": mldsa.SignatureBytes("ML-DSA-65"), "ML-DSA-87": mldsa.SignatureBytes("ML-DSA-87"),
}

func (e *explanation) signatureHint() string {
	alg := e.header.alg
	want, fixed := signatureBytes[alg]
	switch {
	case e.parts.Signature == "SIGNATURE_REMOVED_BY_GOOGLE":
		return "Google Cloud has verified the token and removed its signature. The client must send a token for this API in Authorization, " +
			"and that for Google Cloud in X-Serverless-Authorization."
	case e.hasHeaderNonce() && siteOf(e.claims.issuer).tenant() != "":
		return "A token of Entra ID with nonce in its header is for Microsoft Graph, and only Graph can verify it. The client must ask for a scope of this API."
	case strings.HasPrefix(alg, "ES") && len(e.signature) != want && isDER(e.signature):
		return "The signature is in DER. Its maker must write R and S one after the other, in their full width (RFC 7518 section 3.4)."
	case fixed && len(e.signature) != want:
		return fmt.Sprintf("The signature has %d bytes, and %s needs %d. A part of the token was cut off or added.", len(e.signature), quoted(alg), want)
	case isSymmetric(alg):
		return "The secret is not that of the issuer. If the issuer shows it in base64, decode it before use."
	case e.header.kid == "":
		return "None of the issuer's keys for this alg has made the signature, and the token has no kid. Look whether it is of the same environment."
	}
	return "The token was changed after it was signed, or another key has the same kid. Copy it again from its source, " +
		"and look whether a realm or key was copied between environments."
}

// hasHeaderNonce reports whether the header has a nonce, as the tokens that Entra ID makes for
// Microsoft Graph.
func (e *explanation) hasHeaderNonce() bool {
	found := false
	document, _ := strict.Decode(e.parts.Header)
	_ = strict.Object(document, func(name, _ string) error {
		found = found || name == "nonce"
		return nil
	})
	return found
}

// isDER reports whether a signature is an ASN.1 sequence of this length.
func isDER(signature []byte) bool {
	return len(signature) > 8 && signature[0] == 0x30 && (int(signature[1]) == len(signature)-2 || signature[1] == 0x81)
}

func (e *explanation) boundHint() string {
	switch {
	case slices.Contains(e.bound, "jkt"):
		return "The token is bound to a key. The client must send it with the scheme DPoP and a proof in the DPoP field (RFC 9449 section 7.1)."
	case slices.Contains(e.bound, "x5t#S256"):
		return "The token is bound to a certificate. The client must use it for mutual TLS (RFC 8705 section 3)."
	}
	return "The token is bound to a key. The API must take a claims.Proof for a member of cnf."
}
