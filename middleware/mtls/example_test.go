package mtls_test

import (
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// This server ends the TLS connections of its clients itself.
func Example() {
	_, err := middleware.New(middleware.Config{
		Issuer:    "https://login.example.com/",
		Audiences: []string{"https://api.example.com"},
		MTLS:      &mtls.Config{Source: mtls.FromTLS, Required: true},
	})
	fmt.Println(err)
	// Output: <nil>
}

// nginx does, with proxy_set_header X-Client-Cert $ssl_client_escaped_cert.
func Example_proxy() {
	spoofed := new(atomic.Uint64) // for a metric
	_, err := middleware.New(middleware.Config{
		Issuer:    "https://login.example.com/",
		Audiences: []string{"https://api.example.com"},
		MTLS: &mtls.Config{
			Source:         mtls.FromEscapedPEM,
			Header:         "X-Client-Cert",
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")},
			Spoofed:        spoofed,
		},
	})
	fmt.Println(err, spoofed.Load())
	// Output: <nil> 0
}

// Without the addresses of the proxies, any client could write the field.
func ExampleNew_mistake() {
	_, err := mtls.New(mtls.Config{Source: mtls.FromClientCert})
	fmt.Println(err)
	// Output: mtls: invalid Config.TrustedProxies []: write the addresses of your proxies; other senders can set the field, too
}
