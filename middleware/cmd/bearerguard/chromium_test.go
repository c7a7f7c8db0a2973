//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every wait for the browser.
const patience = 2 * time.Minute

// A chromium is a headless browser with one tab. The test drives it by the Chrome DevTools
// Protocol over a pipe: each message is JSON and ends with a zero byte.
// https://chromedevtools.github.io/devtools-protocol/
type chromium struct {
	t       *testing.T
	in      *os.File // to the browser
	out     *os.File // from the browser
	reader  *bufio.Reader
	session string // of the tab
	last    int    // id of the last command
	events  []event
}

type event struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// requireChromium returns the name of the browser. It skips the test if there is none. In CI
// the test fails instead.
func requireChromium(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "Chromium is not installed: apt-get install chromium"
	if os.Getenv("CI") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

func startChromium(t *testing.T) *chromium {
	t.Helper()
	name := requireChromium(t)
	home, err := os.MkdirTemp("", "bearerguard-chromium")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	theirIn, in, err := os.Pipe()
	require.NoError(t, err)
	out, theirOut, err := os.Pipe()
	require.NoError(t, err)

	cmd := exec.CommandContext(t.Context(), name, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--remote-debugging-pipe", "--user-data-dir="+home)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8"}
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	require.NoError(t, cmd.Start())
	theirIn.Close()
	theirOut.Close()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // and its helper processes
		_ = cmd.Wait()
		in.Close()
		out.Close()
	})
	c := &chromium{t: t, in: in, out: out, reader: bufio.NewReader(out)}
	c.openTab()
	return c
}

func (c *chromium) openTab() {
	var target struct {
		ID string `json:"targetId"`
	}
	c.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		Session string `json:"sessionId"`
	}
	c.call("Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached)
	c.session = attached.Session
	for _, domain := range []string{"Page", "Network", "Log", "Runtime", "Debugger", "DOM", "Audits", "Accessibility"} {
		c.call(domain+".enable", nil, nil)
	}
	c.events = nil // the scripts of the tab before the first page
}

// call sends a command to the tab, and waits for its result.
func (c *chromium) call(method string, params map[string]any, result any) {
	c.t.Helper()
	c.last++
	message := map[string]any{"id": c.last, "method": method, "params": params}
	if params == nil {
		message["params"] = map[string]any{}
	}
	if c.session != "" {
		message["sessionId"] = c.session
	}
	text, err := json.Marshal(message)
	require.NoError(c.t, err)
	_, err = c.in.Write(append(text, 0))
	require.NoError(c.t, err)
	for {
		if answer := c.read(); answer.ID == c.last {
			require.Empty(c.t, string(answer.Error), method)
			if result != nil {
				require.NoError(c.t, json.Unmarshal(answer.Result, result))
			}
			return
		}
	}
}

type answer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
	event
}

// read returns the next message, and keeps it if it is an event.
func (c *chromium) read() (a answer) {
	c.t.Helper()
	require.NoError(c.t, c.out.SetReadDeadline(time.Now().Add(patience)))
	text, err := c.reader.ReadBytes(0)
	if err == io.EOF {
		c.t.Fatal("the browser ended")
	}
	require.NoError(c.t, err)
	require.NoError(c.t, json.Unmarshal(text[:len(text)-1], &a))
	if a.Method != "" {
		c.events = append(c.events, a.event)
	}
	return a
}

// during calls f, and returns when the event has come after it.
func (c *chromium) during(method string, f func()) {
	c.t.Helper()
	seen := c.count(method)
	f()
	for c.count(method) == seen {
		c.read()
	}
}

func (c *chromium) count(method string) int { return len(c.paramsOf(method)) }

// paramsOf returns the parameters of the events of a kind.
func (c *chromium) paramsOf(method string) (list []json.RawMessage) {
	for _, e := range c.events {
		if e.Method == method {
			list = append(list, e.Params)
		}
	}
	return list
}

func (c *chromium) open(url string) {
	c.t.Helper()
	c.during("Page.loadEventFired", func() { c.call("Page.navigate", map[string]any{"url": url}, nil) })
}

// node returns the element that a selector finds.
func (c *chromium) node(selector string) map[string]any {
	c.t.Helper()
	var document struct {
		Root struct {
			ID int `json:"nodeId"`
		} `json:"root"`
	}
	c.call("DOM.getDocument", nil, &document)
	var found struct {
		ID int `json:"nodeId"`
	}
	c.call("DOM.querySelector", map[string]any{"nodeId": document.Root.ID, "selector": selector}, &found)
	require.NotZero(c.t, found.ID, selector)
	return map[string]any{"nodeId": found.ID}
}

// write puts text where a person would paste it.
func (c *chromium) write(selector, text string) {
	c.t.Helper()
	c.call("DOM.focus", c.node(selector), nil)
	c.call("Input.insertText", map[string]any{"text": text}, nil)
}

// click presses the mouse in the middle of an element.
func (c *chromium) click(selector string) {
	c.t.Helper()
	node := c.node(selector)
	c.call("DOM.scrollIntoViewIfNeeded", node, nil)
	var box struct {
		Model struct {
			Content []float64 `json:"content"` // four corners
		} `json:"model"`
	}
	c.call("DOM.getBoxModel", node, &box)
	corners := box.Model.Content
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		c.call("Input.dispatchMouseEvent", map[string]any{
			"type": kind, "button": "left", "clickCount": 1,
			"x": (corners[0] + corners[4]) / 2, "y": (corners[1] + corners[5]) / 2,
		}, nil)
	}
}

// outline returns the roles and names of what assistive technology is told, one a line.
func (c *chromium) outline() string {
	c.t.Helper()
	type value struct {
		Value any `json:"value"`
	}
	var tree struct {
		Nodes []struct {
			Ignored bool  `json:"ignored"`
			Role    value `json:"role"`
			Name    value `json:"name"`
		} `json:"nodes"`
	}
	c.call("Accessibility.getFullAXTree", nil, &tree)
	var text strings.Builder
	for _, node := range tree.Nodes {
		if name, _ := node.Name.Value.(string); !node.Ignored && name != "" {
			if role := node.Role.Value; role != "InlineTextBox" { // a part of a StaticText
				text.WriteString(fmt.Sprintln(role, name))
			}
		}
	}
	return text.String()
}
