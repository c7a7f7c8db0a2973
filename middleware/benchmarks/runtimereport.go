package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

// atRunTime is in the README of this module.
var atRunTime = place{"README.md", "<!-- issuers at run time: written by go run . -issuers -write -->\n", "<!-- end of issuers at run time -->\n"}

func issuersAtRunTime(quick bool) int {
	if quick {
		return 200
	}
	return 10_000
}

// reportIssuers measures so many issuers at run time, and prints a table.
func reportIssuers(ctx context.Context, count int, write bool, stdout io.Writer) error {
	byReplace, err := measureWay(ctx, count, replaced)
	byLookUp, err2 := measureWay(ctx, count, lookedUp)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	text := issuersTable(count, byReplace, byLookUp)
	if write {
		if err := atRunTime.write(text); err != nil {
			return err
		}
	}
	_, err = io.WriteString(stdout, text)
	return err
}

func issuersTable(count int, byReplace, byLookUp outlay) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s with %s on %s/%s, GOMAXPROCS %d. One run.\n\n", time.Now().UTC().Format(time.DateOnly),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	header(&b, grouped(fmt.Sprint(count))+" issuers", "`Replace`", "`tenants.Resolver`")
	for _, line := range []struct {
		name string
		text func(o outlay) string
	}{
		{"memory of an issuer before its first request", func(o outlay) string {
			if o.one == 0 { // a tenant that was not looked up has none
				return "–"
			}
			return size(o.cold)
		}},
		{"memory of an issuer after it", func(o outlay) string { return size(o.warm) }},
		{"goroutines of all issuers after it", func(o outlay) string { return fmt.Sprint(o.goroutines) }},
		{"first request of an issuer", func(o outlay) string { return duration(o.first) }},
		{"request with a token seen before", func(o outlay) string { return duration(o.seenAgain) }},
		{"Replace that changes one issuer", func(o outlay) string { return orDash(o.one) }},
		{"Replace that changes all issuers", func(o outlay) string { return orDash(o.all) }},
	} {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", line.name, line.text(byReplace), line.text(byLookUp))
	}
	return b.String()
}

func orDash(seconds float64) string {
	if seconds == 0 {
		return "–"
	}
	return duration(seconds)
}
