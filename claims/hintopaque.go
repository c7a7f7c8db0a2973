package claims

// opaqueHint is for the answer of an issuer about an opaque token.
func (e *explanation) opaqueHint() string {
	if e.steps[claimsRow].Reason == string(ErrRejected) {
		return "The token has expired or was revoked, or another issuer has made it: the client must get a new one. Or its issuer " +
			"tells this API nothing about it, as for tokens of other APIs (RFC 7662 section 2.2)."
	}
	return "The endpoint of the issuer gave no answer that can be used. Its log, or that of this program, says more."
}

// opaqueTypeHint is for an answer about another kind of token. Issuer.TokenTypes has no effect on it.
func (e *explanation) opaqueTypeHint() string {
	if e.hasDetail(typRow, "jkt") {
		return "The issuer does not say to which key the token is bound. Have its endpoint add cnf with jkt to the answers (RFC 9449 section 6.2)."
	}
	return "By token_type, token_use or typ of the answer this is a refresh token, or another one that is no access token." + sendAccessToken
}
