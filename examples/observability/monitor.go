package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed alerts.yml
var alerts []byte

const prometheusConfig = `
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files:
  - alerts.yml
scrape_configs:
  - job_name: timesheets
    static_configs:
      - targets: [%q]
`

// A monitor is a Prometheus of this machine that scrapes the API. It runs until stop.
type monitor struct {
	url   string
	dir   string // what it stores, and its log
	cmd   *exec.Cmd
	ended chan struct{}
}

// startMonitor starts a Prometheus on addr, a loopback address, and waits until it is ready.
func startMonitor(ctx context.Context, addr, target string) (*monitor, error) {
	path, err := exec.LookPath("prometheus")
	if err != nil {
		return nil, fmt.Errorf("%w; to install it: apt-get install prometheus", err)
	}
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	m := &monitor{url: "http://" + addr, ended: make(chan struct{})}
	if m.dir, err = os.MkdirTemp("", "observability"); err != nil {
		return nil, err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(m.dir, "alerts.yml"), alerts, 0o600),
		os.WriteFile(filepath.Join(m.dir, "prometheus.yml"), fmt.Appendf(nil, prometheusConfig, u.Host), 0o600),
		m.start(path, addr),
	)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(m.dir))
	}
	if err := m.ready(ctx); err != nil {
		log, _ := os.ReadFile(m.logFile())
		m.stop()
		return nil, fmt.Errorf("%w:\n%s", err, log)
	}
	return m, nil
}

func (m *monitor) logFile() string { return filepath.Join(m.dir, "log") }

func (m *monitor) start(path, addr string) error {
	log, err := os.Create(m.logFile())
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	m.cmd = exec.Command(path,
		"--config.file="+filepath.Join(m.dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(m.dir, "data"),
		"--web.listen-address="+addr, "--log.level=warn")
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if err := m.cmd.Start(); err != nil {
		return err
	}
	go func() { // ends with the process
		_ = m.cmd.Wait()
		close(m.ended)
	}()
	return nil
}

// stop ends the process and removes what it has stored.
func (m *monitor) stop() {
	if m.cmd.Process.Signal(os.Interrupt) != nil {
		_ = m.cmd.Process.Kill()
	}
	select {
	case <-m.ended:
	case <-time.After(10 * time.Second):
		_ = m.cmd.Process.Kill()
		<-m.ended
	}
	_ = os.RemoveAll(m.dir)
}

var errEnded = errors.New("prometheus has ended")

// ready waits until Prometheus has scraped the API. It begins some five seconds after its start.
func (m *monitor) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		select {
		case <-m.ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("prometheus does not scrape: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
		now := time.Now()
		if up, err := m.over(now, now, "up == 1"); err == nil && len(up) > 0 {
			return nil
		}
	}
}

// A series is what Prometheus has stored for one set of labels.
type series struct {
	Metric map[string]string `json:"metric"`
	Values []point           `json:"values"`
}

// A point is a time in seconds since 1970, and a value.
type point struct{ time, value float64 }

func (p point) after(start time.Time) time.Duration {
	return time.UnixMilli(int64(p.time * 1000)).Sub(start)
}

// UnmarshalJSON reads [time, "value"].
func (p *point) UnmarshalJSON(text []byte) error {
	var value string
	if err := json.Unmarshal(text, &[]any{&p.time, &value}); err != nil {
		return err
	}
	var err error
	p.value, err = strconv.ParseFloat(value, 64)
	return err
}

// over evaluates an expression at each second of a time range.
func (m *monitor) over(from, to time.Time, expr string) ([]series, error) {
	var found []series
	err := m.get("query_range", url.Values{
		"query": {expr}, "step": {"1"}, "start": {seconds(from)}, "end": {seconds(to)},
	}, &struct {
		Result *[]series `json:"result"`
	}{&found})
	return found, err
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// get asks the HTTP API of Prometheus.
func (m *monitor) get(what string, query url.Values, data any) error {
	response, err := http.Get(m.url + "/api/v1/" + what + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer := struct {
		Data  any    `json:"data"`
		Error string `json:"error"`
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("prometheus: %s: %w", what, err)
	}
	if answer.Error != "" {
		return fmt.Errorf("prometheus: %s: %s", query.Get("query"), answer.Error)
	}
	return nil
}
