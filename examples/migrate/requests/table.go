package requests

import (
	"net/http"
	"slices"
)

// A Row is a request, and what each program answers.
type Row struct {
	Request  string
	Optional bool // the route lets requests without a token through
	Ours     string
	Differs  answers // of the libraries that do not answer like Ours
	Why      string  // the reason for the difference

	before    func(*World) // what happens before the program starts
	meanwhile func(*World) // what happens after its first good answer
	make      func(*World) *http.Request
}

// Answer returns what the program of a library answers before the move.
func (r Row) Answer(library Library) string {
	if answer, differs := r.Differs[library]; differs {
		return answer
	}
	return r.Ours
}

// Table has the rows in the order of the page.
var Table = slices.Concat(routes, headers, hostile)
