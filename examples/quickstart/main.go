// Command quickstart runs an issuer, an API and its clients in one process on loopback. It
// prints each request, its answer and the reason for the answer. From the root of the
// repository:
//
//	go -C examples run ./quickstart
//
// It exits with 0 if every answer is the expected one. With -serve it then keeps running
// until Ctrl-C, and prints curl commands to try:
//
//	go -C examples run ./quickstart -serve
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stayUp := flag.Bool("serve", false, "keep running afterwards, and print curl commands to try")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Stdout, *stayUp))
}

// run returns the exit code.
func run(ctx context.Context, out io.Writer, stayUp bool) int {
	w, err := newWorld()
	if err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	defer w.close()
	s := &stage{out: out}
	tell(ctx, s, w)
	if code := s.conclude(); code != 0 || !stayUp {
		return code
	}
	printCurlLines(out, w)
	<-ctx.Done()
	return 0
}

// printCurlLines prints no comments behind the commands: zsh would pass them to curl.
func printCurlLines(out io.Writer, w *world) {
	fmt.Fprintf(out, `
The issuer and the API keep running. Paste these commands into another terminal.

Get a token:

    TOKEN=$(curl -s %[1]s -d grant_type=client_credentials -d client_id=%[2]s \
      -d client_secret=%[3]s -d audience=%[4]s | sed 's/.*"access_token":"\([^"]*\).*/\1/')

200, with the token:

    curl -i %[5]s/timesheets -H "Authorization: Bearer $TOKEN"

401, without a token:

    curl -i %[5]s/timesheets

401, with one character too many:

    curl -i %[5]s/timesheets -H "Authorization: Bearer ${TOKEN}x"

403, because the token lacks the scope that the challenge names:

    curl -i -X POST %[5]s/timesheets -H "Authorization: Bearer $TOKEN"

401, with an expired token:

    curl -i %[5]s/timesheets -H "Authorization: Bearer %[6]s"

Press Ctrl-C to stop both.
`, w.issuer.TokenURL(), clientID, clientSecret, audience, w.apiURL, w.expiredToken())
}
