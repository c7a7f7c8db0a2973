// Command bearerguard says why an access token is refused. It makes the checks of the
// library's own verifier and shows each of them, with what was expected and what the token
// has instead:
//
//	bearerguard explain -issuer https://issuer.example/ -audience https://api.example < token.txt
//	bearerguard explain -auth0 tenant.eu.auth0.com -audience https://api.example -f token.txt
//	bearerguard explain -issuer https://issuer.example/ -audience https://api.example -jwks keys.json < token.txt
//	bearerguard explain -serve -issuer https://issuer.example/ -audience https://api.example
//
// The issuer and the audiences are those of the API, from flags. Nothing is learned from the
// token. Only the configured issuer is asked for keys, and with -jwks no request is made. The
// token comes from standard input or a file, never from the command line, where other
// processes can read it.
//
// What is printed is no credential: the signature is left out. Claims about a person are left
// out as well, unless -show-personal is set. What the token says is printed in ASCII, without
// control characters.
//
// With -serve, the command shows the same report as a page in a browser on this machine. The
// page has no script, it stores and logs nothing, and it cannot choose another issuer.
//
// The exit code is 0 if no check fails, 1 if the token is refused, and 2 if the command was used
// in a wrong way. It is 3 if the token could not be decided, because keys could not be fetched.
// The code 0 is no permission: the command knows neither the proof of a bound token, nor the hooks
// of the API.
//
// The command "bearerguard explain -h" lists all flags.
package main

import (
	"context"
	"os"
)

func main() {
	p := program{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		prompt:       isTerminal(os.Stdin),
		colour:       isTerminal(os.Stdout) && wantsColour(os.Getenv),
		newExplainer: newExplainer,
	}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}

// isTerminal reports whether f is a character device, which a terminal is.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// wantsColour reports whether the environment allows colour on a terminal. NO_COLOR forbids it
// if it is not empty (https://no-color.org). The console of Windows has no TERM, and only
// Windows Terminal, which sets WT_SESSION, is sure to know the escape sequences.
func wantsColour(getenv func(string) string) bool {
	if getenv("NO_COLOR") != "" || getenv("TERM") == "dumb" {
		return false
	}
	return getenv("TERM") != "" || getenv("WT_SESSION") != ""
}
