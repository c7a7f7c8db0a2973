// Package contextkey has the context key of verified claims. Package claims reads it, and the
// context of package middleware answers for it.
package contextkey

// Claims is the key of a *claims.Claims. A nil one hides the claims of a parent context.
type Claims struct{}
