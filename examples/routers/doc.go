// Package routers has recipes for frameworks that need no adapter: one package for each, with
// the same small API. All are tested together.
package routers
