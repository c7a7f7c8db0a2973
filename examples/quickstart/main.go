// Command quickstart plays an issuer, an API and its clients in one process on
// loopback, and prints what each request asks, what the answer is, and why.
//
// It exits with 0 if every answer was the expected one. With -serve it then stays up
// and prints curl lines to try.
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
	stayUp := flag.Bool("serve", false, "stay up afterwards, and print curl lines to try")
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

func printCurlLines(out io.Writer, w *world) {
	fmt.Fprintf(out, `
Both stay up until Ctrl-C. To try it yourself:

TOKEN=$(curl -s %[1]s -d grant_type=client_credentials -d client_id=%[2]s \
  -d client_secret=%[3]s -d audience=%[4]s | sed 's/.*"access_token":"\([^"]*\).*/\1/')

curl -i %[5]s/timesheets -H "Authorization: Bearer $TOKEN"            # 200
curl -i %[5]s/timesheets                                             # 401, no token
curl -i %[5]s/timesheets -H "Authorization: Bearer ${TOKEN}x"         # 401, a byte too many
curl -i -X POST %[5]s/timesheets -H "Authorization: Bearer $TOKEN"    # 403, names the scope
curl -i %[5]s/timesheets -H "Authorization: Bearer %[6]s"             # 401, expired
`, w.issuer.TokenURL(), clientID, clientSecret, audience, w.apiURL, w.expiredToken())
}
