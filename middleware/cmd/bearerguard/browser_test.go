//go:build unix

package main

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// The folder for pictures of the pages. README.png is the picture in the README.
//
//	go test ./middleware/cmd/bearerguard -run Browser -screenshots DIR
var screenshots = flag.String("screenshots", "", "folder for pictures of the pages")

// A person pastes a token into the page, and reads why it is refused.
func TestBrowser(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "https://login.example.com/"})
	browser := startChromium(t)
	const api = "https://timesheets.example.com"
	token := func(more map[string]any, options ...jwkstest.Option) string {
		claims := map[string]any{"aud": api}
		maps.Copy(claims, more)
		return issuer.Token(claims, options...)
	}
	address, _, wait := startPage(t, program{newExplainer: newExplainer},
		"-issuer", issuer.URL(), "-audience", api, "-jwks", keyFile(t, issuer))
	hour := time.Hour
	now := time.Now()
	for _, test := range []struct {
		name, token, scopes string
		want                []string
	}{
		{"good", token(map[string]any{"email": "alice@example.com"}), "read:example", []string{
			"heading No check fails", "redacted",
		}},
		{"expired", token(map[string]any{"exp": now.Add(-2 * hour).Unix(), "iat": now.Add(-3 * hour).Unix()}), "", []string{
			"heading Refused: expired", "2 h ago",
		}},
		{"audience", token(map[string]any{"aud": "https://billing.example.com", "email": "alice@example.com"}), "", []string{
			"heading Refused: audience", "https://billing.example.com", api,
		}},
		{"id", token(map[string]any{
			"aud": "client", "nonce": "n-0S6_WzA2Mj", "scope": jwkstest.Absent, "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
			"name": "Alice",
		}, jwkstest.Header("typ", "JWT")), "", []string{
			"heading Refused: type", "redacted",
		}},
		{"encrypted", encrypted(), "", []string{
			"heading Refused: malformed", "A256GCM",
		}},
		{"hostile", token(map[string]any{
			"<script>alert(1)</script>": `"><script>alert(1)</script><img src=https://attacker.example/x onerror=alert(1)>` + "\u202e\x1b",
			"aud":                       "<script src=https://attacker.example/x></script>",
		}), "", []string{
			"heading Refused: audience", "<script>alert(1)</script>",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			browser.t = t
			browser.open(address)
			outline := browser.outline()
			assert.Contains(t, outline, "textbox Access token\n")
			assert.Contains(t, outline, "textbox Scopes that the route needs\n")
			browser.write("#token", test.token+"\n")
			browser.write("#scopes", test.scopes)
			browser.during("Page.loadEventFired", func() { browser.click("button") })
			outline = browser.outline()
			for _, want := range test.want {
				assert.Contains(t, outline, want)
			}
			assert.NotContains(t, outline, "alice@example.com")
			assert.NotContains(t, outline, "Alice")
			browser.checkLooks(test.name)
			if test.name == "audience" && *screenshots != "" {
				browser.shootREADME()
			}
		})
	}
	browser.t = t
	browser.checkQuiet(address)
	assert.Equal(t, exitNoneFails, wait(true))
}

// checkQuiet checks what the pages of this browser did: no script, no violation of the policy,
// and no request but to the page.
func (c *chromium) checkQuiet(address string) {
	c.t.Helper()
	requests := c.paramsOf("Network.requestWillBeSent")
	assert.NotEmpty(c.t, requests)
	for _, params := range requests {
		var sent struct {
			Request struct {
				URL string `json:"url"`
			} `json:"request"`
		}
		require.NoError(c.t, json.Unmarshal(params, &sent))
		assert.Equal(c.t, address, sent.Request.URL)
	}
	for _, method := range []string{
		"Debugger.scriptParsed", "Debugger.scriptFailedToParse", "Runtime.consoleAPICalled", "Runtime.exceptionThrown",
		"Page.javascriptDialogOpening", "Log.entryAdded", "Audits.issueAdded",
	} {
		for _, params := range c.paramsOf(method) {
			// The browser says at this level that the test was faster than autofocus.
			if method != "Log.entryAdded" || !strings.Contains(string(params), `"level":"info"`) {
				assert.Failf(c.t, method, "%s", params)
			}
		}
	}
}

// checkLooks checks that the page fits and keeps its tables: light and dark, and on a phone.
func (c *chromium) checkLooks(name string) {
	c.t.Helper()
	for _, look := range []struct {
		name, scheme string
		width        int
	}{{"light", "light", 900}, {"dark", "dark", 900}, {"phone", "light", 360}} {
		c.call("Emulation.setEmulatedMedia", map[string]any{
			"features": []any{map[string]any{"name": "prefers-color-scheme", "value": look.scheme}},
		}, nil)
		c.call("Emulation.setDeviceMetricsOverride", map[string]any{
			"width": look.width, "height": 700, "deviceScaleFactor": 1, "mobile": look.width < 500,
		}, nil)
		var metrics struct {
			Content struct {
				Width float64 `json:"width"`
			} `json:"cssContentSize"`
		}
		c.call("Page.getLayoutMetrics", nil, &metrics)
		outline := c.outline()
		assert.Contains(c.t, outline, "columnheader Check\n")
		assert.Contains(c.t, outline, "rowheader ")
		assert.LessOrEqual(c.t, metrics.Content.Width, float64(look.width), "the page is wider than the screen")
		if *screenshots == "" {
			continue
		}
		c.shoot(name+"-"+look.name, map[string]any{"captureBeyondViewport": true})
	}
	c.call("Emulation.clearDeviceMetricsOverride", nil, nil)
}

// shootREADME writes the picture in the README: the top of the page.
func (c *chromium) shootREADME() {
	c.t.Helper()
	c.call("Emulation.setScrollbarsHidden", map[string]any{"hidden": true}, nil)
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": 800, "height": 640, "deviceScaleFactor": 1, "mobile": false,
	}, nil)
	c.shoot("README", map[string]any{})
	c.call("Emulation.setScrollbarsHidden", map[string]any{"hidden": false}, nil)
	c.call("Emulation.clearDeviceMetricsOverride", nil, nil)
}

// shoot writes a picture into the folder of the flag.
func (c *chromium) shoot(name string, params map[string]any) {
	c.t.Helper()
	var picture struct {
		Data []byte `json:"data"`
	}
	c.call("Page.captureScreenshot", params, &picture)
	require.NoError(c.t, os.WriteFile(filepath.Join(*screenshots, name+".png"), picture.Data, 0o600))
}
