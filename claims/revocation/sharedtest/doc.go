// Package sharedtest tests a shared revocation.List with two client libraries,
// github.com/valkey-io/valkey-go and github.com/redis/go-redis/v9, and a real server. It has
// only tests. They start redis-server, or valkey-server, on loopback with a temporary directory,
// kill it and stop it. This prints how long four processes take to refuse what was cut off:
//
//	go test -v -run FourProcesses .
//
// Without a server the tests are skipped with a message; if the environment variable CI is
// set, they fail instead.
//
// It is a separate module so that the library requires no client library.
package sharedtest
