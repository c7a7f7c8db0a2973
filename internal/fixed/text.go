// Package fixed has the type of texts that are part of this module.
package fixed

// A Text is part of this module, so it can be logged. An error of the application cannot have a
// method that returns one: it may have one named Detail, with a text of its own.
type Text string
