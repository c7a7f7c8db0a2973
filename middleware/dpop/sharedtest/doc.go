// Package sharedtest tests dpop.Shared with two client libraries, github.com/valkey-io/valkey-go
// and github.com/redis/go-redis/v9, and a real server. It has only tests. They start
// redis-server, or valkey-server, on loopback with a temporary directory, kill it, stop it and
// fill it up. This prints the share of requests that were refused in an outage of ten seconds,
// and how long the recovery took:
//
//	go test -v -run Outage -outage 10s .
//
// Without a server the tests are skipped with a message; if the environment variable CI is
// set, they fail instead.
//
// It is a separate module so that the library requires no client library.
package sharedtest
