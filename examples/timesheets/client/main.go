// Command client uploads timesheet entries with an access token. It gets the token for its own
// credentials (client credentials, RFC 6749 section 4.4). From the root of the repository:
//
//	TOKEN_URL=https://tenant.eu.auth0.com/oauth/token CLIENT_ID=... CLIENT_SECRET=... \
//	    AUDIENCE=https://timesheets.example.com API_URL=http://127.0.0.1:8080 \
//	    go -C examples run ./timesheets/client
//
// It is configured by its environment; all variables but the last are required:
//
//	TOKEN_URL      the issuer's token endpoint
//	CLIENT_ID      the client's ID at the issuer
//	CLIENT_SECRET  the client's secret
//	AUDIENCE       the identifier of the API
//	API_URL        the address of the API
//	DPOP           1 for tokens that are bound to a key of this process (RFC 9449): a thief
//	               who has such a token cannot use it; the issuer and the API must support it
//
// It uploads two entries and lists the entries of its subject. If the issuer or the API
// refuses a request, it prints the reason. It never prints the token.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// timeout bounds each request, including the body of its answer.
const timeout = 15 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Getenv, os.Stdout, os.Stderr))
}

// run uploads the entries. It returns the exit code: 2 for an invalid configuration, 1 if
// a request failed.
func run(ctx context.Context, getenv func(string) string, stdout, stderr io.Writer) int {
	if err := check(getenv); err != nil {
		fmt.Fprintf(stderr, "the configuration cannot work:\n%v\n", err)
		return 2
	}
	client, err := authorizedClient(ctx, getenv)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	api := timesheets{
		url:    strings.TrimSuffix(getenv("API_URL"), "/") + "/timesheets",
		client: client,
		out:    stdout,
	}
	if err := upload(ctx, api); err != nil {
		fmt.Fprintln(stderr, explain(err))
		return 1
	}
	return 0
}

// check returns an error with all problems of the environment.
func check(getenv func(string) string) error {
	var problems []error
	for _, name := range []string{"TOKEN_URL", "CLIENT_ID", "CLIENT_SECRET", "AUDIENCE", "API_URL"} {
		value := getenv(name)
		switch {
		case value == "":
			problems = append(problems, fmt.Errorf("%s: it is required", name))
		case strings.HasSuffix(name, "_URL") && !confidential(value):
			problems = append(problems, fmt.Errorf("%s: %q is not an https URL, or http on loopback", name, value))
		}
	}
	if value := getenv("DPOP"); value != "" && value != "0" && value != "1" {
		problems = append(problems, fmt.Errorf("DPOP: %q is neither 0 nor 1", value))
	}
	return errors.Join(problems...)
}

// confidential reports whether secrets may be sent to this URL (RFC 6749 section 10.3, RFC
// 6750 section 5.3).
func confidential(rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return false
	}
	loopback := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

// authorizedClient returns a client that sends a token with each request, and gets a new
// token when the old one expires. The token requests use ctx.
func authorizedClient(ctx context.Context, getenv func(string) string) (*http.Client, error) {
	credentials := clientcredentials.Config{
		ClientID:       getenv("CLIENT_ID"),
		ClientSecret:   getenv("CLIENT_SECRET"),
		TokenURL:       getenv("TOKEN_URL"),
		EndpointParams: url.Values{"audience": {getenv("AUDIENCE")}},
	}
	plain := &http.Client{Timeout: timeout, CheckRedirect: stay} // the returned client has all of it, too
	if getenv("DPOP") == "1" {
		p, err := newProver(http.DefaultTransport)
		if err != nil {
			return nil, err
		}
		plain.Transport = p
	}
	return credentials.Client(context.WithValue(ctx, oauth2.HTTPClient, plain)), nil
}

// stay prevents redirects, because the token or the secret would be sent to their target.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func upload(ctx context.Context, api timesheets) error {
	today := time.Now().UTC().Format(time.DateOnly)
	for _, e := range []entry{
		{Date: today, Project: "bearerguard", Hours: 6, Note: "verified tokens"},
		{Date: today, Project: "meetings", Hours: 1.5},
	} {
		if err := api.add(ctx, e); err != nil {
			return err
		}
	}
	return api.list(ctx)
}
