package sdktest_test

import (
	"fmt"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// mark is in everything that strangers and clients choose.
const mark = "h0stile"

// hostile returns the Authorization field of the n-th request. Every part of it is new.
func hostile(issuer *jwkstest.Issuer, n int) string {
	name := func(member string) string { return fmt.Sprintf("%s-%s-%d", mark, member, n) }
	members := map[string]any{
		"sub": name("sub"), "client_id": name("client"), "jti": name("jti"), "scope": name("scope"),
	}
	switch n % 6 {
	case 0: // accepted
	case 1:
		return "Bearer " + issuer.Token(members, jwkstest.Header("kid", name("kid")))
	case 2:
		return "Bearer " + issuer.Token(members, jwkstest.Header("alg", name("alg")))
	case 3:
		members["iss"] = "https://" + name("iss") + ".example/"
	case 4:
		return name("scheme") + " " + name("credential")
	case 5:
		members["aud"] = name("aud")
	}
	return "Bearer " + issuer.Token(members)
}
