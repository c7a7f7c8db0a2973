// Command client is a service that uploads timesheet entries, with a token that it gets
// by its own credentials (client credentials, RFC 6749 section 4.4). It is configured
// by its environment:
//
//	TOKEN_URL      the issuer's token endpoint, such as https://tenant.eu.auth0.com/oauth/token
//	CLIENT_ID      the client's credentials
//	CLIENT_SECRET
//	AUDIENCE       the identifier of the API
//	API_URL        where the API is, such as http://127.0.0.1:8080
//
// It uploads two entries, lists what is there, and says why if something is refused.
// It never prints the token.
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

// timeout is for each request, its body included.
const timeout = 15 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Getenv, os.Stdout, os.Stderr))
}

// run returns the exit code: 2 for a configuration that cannot work, 1 if the work
// could not be done.
func run(ctx context.Context, getenv func(string) string, stdout, stderr io.Writer) int {
	if err := check(getenv); err != nil {
		fmt.Fprintf(stderr, "the configuration cannot work:\n%v\n", err)
		return 2
	}
	api := timesheets{
		url:    strings.TrimSuffix(getenv("API_URL"), "/") + "/timesheets",
		client: authorizedClient(ctx, getenv),
		out:    stdout,
	}
	if err := upload(ctx, api); err != nil {
		fmt.Fprintln(stderr, explain(err))
		return 1
	}
	return 0
}

// check reports everything that is wrong with the environment at once.
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
	return errors.Join(problems...)
}

// confidential reports whether secrets may travel to this address (RFC 6749 section
// 10.3, RFC 6750 section 5.3).
func confidential(rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return false
	}
	loopback := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

// authorizedClient returns a client that puts a token into each request, and asks for
// another when it expires. ctx is for the token requests.
func authorizedClient(ctx context.Context, getenv func(string) string) *http.Client {
	credentials := clientcredentials.Config{
		ClientID:       getenv("CLIENT_ID"),
		ClientSecret:   getenv("CLIENT_SECRET"),
		TokenURL:       getenv("TOKEN_URL"),
		EndpointParams: url.Values{"audience": {getenv("AUDIENCE")}},
	}
	plain := &http.Client{Timeout: timeout, CheckRedirect: stay} // the other takes both over
	return credentials.Client(context.WithValue(ctx, oauth2.HTTPClient, plain))
}

// stay follows no redirect: the token, or the secret, would go along to wherever it
// leads.
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
