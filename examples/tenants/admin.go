package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bearerguard/bearerguard/examples/tenants/issuerfile"
)

const maxBody = 1 << 20

// newAdmin returns the handler of ADMIN_ADDR. It requires no token.
//
//	GET    /status                what is in force, and what is wrong with the file
//	GET    /metrics               the same and all decisions, for Prometheus
//	PUT    /tenants               adds or changes the tenants that the body lists, as in the file
//	DELETE /tenants?issuer=URL    removes one
func newAdmin(a *api) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", a.showStatus)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{}))
	if a.tenants != nil {
		mux.HandleFunc("PUT /tenants", a.tenants.serveAdd)
		mux.HandleFunc("DELETE /tenants", a.tenants.serveRemove)
	}
	return http.NewCrossOriginProtection().Handler(mux) // a page in the browser of an operator is no operator
}

// onLoopbackOnly refuses requests for any host but loopback. A page can have a name that leads to
// 127.0.0.1 once the page is loaded (DNS rebinding). Its requests are then of the same origin, and
// pass CrossOriginProtection.
func onLoopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		if addr, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !addr.IsLoopback()) {
			http.Error(w, "the administration is on loopback only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// A fileStatus is the status of the file, for people and for alerts. An operator must look at a
// file with a problem, or with too many refused.
type fileStatus struct {
	Issuers  int               `json:"issuers"`
	LoadedAt time.Time         `json:"loaded_at"`
	Reloads  map[string]uint64 `json:"reloads"`
	Problem  string            `json:"problem,omitempty"`
}

type tenantsStatus struct {
	Remembered int    `json:"remembered"`
	Lookups    uint64 `json:"lookups"`
	NotFound   uint64 `json:"not_found"`
	Failed     uint64 `json:"failed"`
	Refused    uint64 `json:"refused"`
}

func (a *api) showStatus(w http.ResponseWriter, _ *http.Request) {
	status := struct {
		File    *fileStatus    `json:"file,omitempty"`
		Tenants *tenantsStatus `json:"tenants,omitempty"`
	}{}
	if a.watcher != nil {
		s := a.watcher.Status()
		status.File = &fileStatus{
			Issuers: s.Issuers, LoadedAt: s.LoadedAt.UTC(), Reloads: map[string]uint64{"ok": s.Loaded, "refused": s.Refused},
		}
		if s.Problem != nil {
			status.File.Problem = s.Problem.Error()
		}
	}
	if a.tenants != nil {
		s := a.tenants.resolver.Status()
		status.Tenants = &tenantsStatus{
			Remembered: s.Tenants + s.Unproven, Lookups: s.Lookups, NotFound: s.NotFound, Failed: s.Failed + s.Invalid,
			Refused: s.Refused,
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(status) // the client is gone
}

func (t *table) serveAdd(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	issuers, err := issuerfile.Parse(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	t.put(issuers)
	w.WriteHeader(http.StatusNoContent)
}

func (t *table) serveRemove(w http.ResponseWriter, r *http.Request) {
	if !t.remove(r.URL.Query().Get("issuer")) {
		http.Error(w, "there is no such tenant", http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
