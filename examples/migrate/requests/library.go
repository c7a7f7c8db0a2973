package requests

// A Library is one that programs are moved from: the name of its folder.
type Library string

// The libraries, in the order of the page.
const (
	Auth0     Library = "auth0"
	GolangJWT Library = "golangjwt"
	GoOIDC    Library = "gooidc"
	JWX       Library = "jwx"
	JWTAuth   Library = "jwtauth"
	EchoJWT   Library = "echojwt"
)

// Libraries returns all of them.
func Libraries() []Library {
	return []Library{Auth0, GolangJWT, GoOIDC, JWX, JWTAuth, EchoJWT}
}

// HasOptional reports whether the library lets requests without a token through. The
// programs of the others have no such route.
func (l Library) HasOptional() bool { return l == Auth0 || l == JWTAuth || l == EchoJWT }
