// Package logout verifies logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.6).
//
// A logout token is no access token, and the verifier of package claims refuses it in every
// configuration. So its checks are a profile of their own, and not a way to skip checks of
// access tokens. Its tests are those of LogoutHandler of package revocation.
package logout
