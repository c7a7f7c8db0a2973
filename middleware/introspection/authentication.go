package introspection

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// An authenticator adds the credential of this API to a form, or returns it as an Authorization
// field value. It holds the credential in a closure, which no printer can read by reflection.
type authenticator func(ctx context.Context, issuer string, form url.Values) (authorization string, err error)

func (c *Config) checkAuthentication(problems *mistakes) {
	ways := 0
	for _, set := range []bool{
		c.ClientSecret != nil, !isNil(c.SigningKey), c.Certificate != nil, c.MutualTLS, c.BearerToken != nil, c.InsecureNoAuthentication,
	} {
		if set {
			ways++
		}
	}
	problems.report(ways != 1, "ClientSecret: exactly one of ClientSecret, SigningKey, Certificate, MutualTLS, BearerToken and "+
		"InsecureNoAuthentication is required, and there are %d", ways)
	problems.report(c.ClientSecret != nil && len(c.ClientSecret) == 0, "ClientSecret: it is empty but not nil")
	problems.report(bytes.HasSuffix(c.ClientSecret, []byte("\n")) || bytes.HasSuffix(c.ClientSecret, []byte("\r")),
		"ClientSecret: it ends with a line break, as the text of a file does; remove it")
	problems.report(c.SecretInBody && c.ClientSecret == nil, "SecretInBody: it goes with ClientSecret")
	named := c.ClientSecret != nil || !isNil(c.SigningKey) || c.Certificate != nil || c.MutualTLS
	problems.report(named && c.ClientID == "", "ClientID: it is required")
	problems.report(c.Certificate != nil && len(c.Certificate.Certificate) == 0, "Certificate: it has no certificate")
	if isNil(c.SigningKey) {
		problems.report(c.SigningKeyID != "" || c.SigningAlgorithm != "" || c.AssertionAudience != "",
			"SigningKey: it is required by SigningKeyID, SigningAlgorithm and AssertionAudience")
		return
	}
	if _, err := signerOf(c.SigningKey, c.SigningAlgorithm); err != nil {
		problems.report(true, "SigningKey: %w", err)
	}
}

// authenticator returns the one way that check has found.
func (c *Config) authenticator() authenticator {
	id := c.ClientID
	switch {
	case c.ClientSecret != nil && c.SecretInBody:
		return inBody(id, string(c.ClientSecret))
	case c.ClientSecret != nil:
		return basic(id, string(c.ClientSecret))
	case !isNil(c.SigningKey):
		return c.byAssertion()
	case c.BearerToken != nil:
		return bearer(c.BearerToken)
	case c.InsecureNoAuthentication:
		return func(context.Context, string, url.Values) (string, error) { return "", nil }
	}
	return func(_ context.Context, _ string, form url.Values) (string, error) {
		form.Set("client_id", id) // RFC 8705 section 2
		return "", nil
	}
}

// basic encodes both parts like a form before base64, because each may have a colon (RFC 6749
// section 2.3.1).
func basic(id, secret string) authenticator {
	pair := url.QueryEscape(id) + ":" + url.QueryEscape(secret)
	value := "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
	return func(context.Context, string, url.Values) (string, error) { return value, nil }
}

func inBody(id, secret string) authenticator {
	return func(_ context.Context, _ string, form url.Values) (string, error) {
		form.Set("client_id", id)
		form.Set("client_secret", secret)
		return "", nil
	}
}

var errNoBearerToken = errors.New("BearerToken returned neither a token (RFC 6750 section 2.1) nor an error")

func bearer(source func(context.Context) (string, error)) authenticator {
	return func(ctx context.Context, _ string, _ url.Values) (string, error) {
		token, err := source(ctx)
		if err == nil && (token == "" || strings.Trim(token, tokenBytes) != "") { // a line break would add a field
			err = errNoBearerToken
		}
		return "Bearer " + token, err
	}
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 section 2.2

// byAssertion is private_key_jwt. Each request gets an assertion of its own, because an issuer
// accepts a jti once (RFC 7523 section 3).
func (c *Config) byAssertion() authenticator {
	id, kid, audience := c.ClientID, c.SigningKeyID, c.AssertionAudience
	s, _ := signerOf(c.SigningKey, c.SigningAlgorithm) // check has reported the error
	return func(_ context.Context, issuer string, form url.Values) (string, error) {
		to := audience
		if to == "" {
			to = issuer
		}
		assertion, err := s.assertion(id, kid, to)
		if err != nil {
			return "", err
		}
		form.Set("client_id", id)
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
		return "", nil
	}
}

// isNil reports whether a dependency is nil or holds a nil pointer. A caller that ignores a
// constructor's error leaves one. An empty Ed25519 key is one, too.
func isNil(dependency any) bool {
	v := reflect.ValueOf(dependency)
	return !v.IsValid() || slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice}, v.Kind()) && v.IsNil()
}
