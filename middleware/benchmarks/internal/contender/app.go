package contender

import (
	"io"
	"net/http"
)

// Timesheets is the App of the measurements. It answers 200 to the [Subject] with
// [ReadScope], and 403 to everyone else.
func Timesheets(w http.ResponseWriter, _ *http.Request, id Identity) {
	if id.Subject != Subject || !id.CanRead {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	_, _ = io.WriteString(w, "[]\n")
}
