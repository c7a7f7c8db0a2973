package claims

// opaqueHint is for the answer of an issuer about an opaque token.
func (e *explanation) opaqueHint() string {
	if e.steps[claimsRow].Reason == string(ErrRejected) {
		return "The token has expired or was revoked, or another issuer has made it. The client must get a new one."
	}
	return "The endpoint of the issuer gave no answer that can be used. Its log, or that of this program, says more."
}
