// Package strict parses untrusted input: JSON objects, and tokens in the JWS compact
// serialization.
//
// It accepts one spelling of each value where lax parsers accept several. Two parts of a
// program can therefore never read different content from the same bytes. In particular:
//
//   - JSON must be valid UTF-8, without duplicate members at any depth (RFC 7515 section 4,
//     RFC 7519 section 4, RFC 8259 section 8.1). Member names are compared code point by code
//     point, without case folding (RFC 8259 section 8.3).
//   - Base64url must have no padding, no line breaks and no non-zero trailing bits (RFC 7515
//     section 2, RFC 4648 section 3.5).
//
// To read a signed document, call [Cut], [Decode] its segments, and read each of them with
// [Object]:
//
//	c, err := strict.Cut(token)
//	…
//	document, err := strict.Decode(c.Header)
//	…
//	err = strict.Object(document, func(name, value string) error {
//		switch name {
//		case "alg":
//			alg, err = strict.Unquote(value)
//		…
//
// The error texts of this package are fixed: they hold no bytes of the input and are safe to
// log.
package strict
