package requests

import "maps"

type answers map[Library]string

// but returns a copy with other answers of some libraries.
func (a answers) but(others answers) answers {
	changed := maps.Clone(a)
	maps.Copy(changed, others)
	return changed
}

// What the libraries answer to most requests of a kind. golang-jwt, go-oidc and jwx answer
// nothing themselves: their programs do.
var (
	unauthenticated = answers{Auth0: "401 Bearer DPoP", JWTAuth: "401", EchoJWT: "401"}
	refused         = answers{
		Auth0: "401 Bearer invalid_token DPoP", GolangJWT: "401 Bearer", GoOIDC: "401 Bearer",
		JWX: "401 Bearer", JWTAuth: "401", EchoJWT: "401",
	}
	forbidden = answers{Auth0: "403", GolangJWT: "403", GoOIDC: "403", JWX: "403", JWTAuth: "403", EchoJWT: "403"}
	accepted  = answers{
		Auth0: "200 alice", GolangJWT: "200 alice", GoOIDC: "200 alice",
		JWX: "200 alice", JWTAuth: "200 alice", EchoJWT: "200 alice",
	}
)

const onlyChallenge = "only the challenge differs: it names the error (RFC 6750 section 3.1)"
