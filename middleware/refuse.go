package middleware

import "net/http"

// Refuse answers a request that its handler does not allow, as [Middleware.Require] would.
// It logs the refusal, and calls Config.ErrorHandler or else [Middleware.WriteError].
//
//	if err := middleware.Authorize(r.Context(), policies...); err != nil {
//		auth.Refuse(w, r, err)
//		return
//	}
//
// err is any error that [Middleware.Answer] takes. A [Guard] logs its own errors: use
// WriteError for them.
func (m *Middleware) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	m.log(r.Context(), e)
	m.refuse(w, r, e)
}

// refuse answers with the ErrorHandler, if there is one. The challenge is set before the
// ErrorHandler runs. If the ErrorHandler sets no status, or writes nothing, the answer is
// still not a 200.
func (m *Middleware) refuse(w http.ResponseWriter, r *http.Request, e *Error) {
	if m.errorHandler == nil {
		m.WriteError(w, r, e)
		return
	}
	a := m.Answer(e)
	a.setHeader(w.Header())
	answer := &answerWriter{ResponseWriter: w, status: a.Status}
	m.errorHandler(answer, r, e)
	if !answer.written {
		m.WriteError(w, r, e)
	}
}

// An answerWriter sends its status with the first byte, unless the ErrorHandler has sent
// another status.
type answerWriter struct {
	http.ResponseWriter
	status  int
	written bool
}

func (w *answerWriter) WriteHeader(status int) {
	w.written = w.written || status >= http.StatusOK // not for 1xx
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(p []byte) (int, error) {
	if !w.written {
		w.WriteHeader(w.status)
	}
	return w.ResponseWriter.Write(p)
}

// FlushError sends the header, whose status must not be a 200 either.
func (w *answerWriter) FlushError() error {
	if !w.written {
		w.WriteHeader(w.status)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets [http.ResponseController] reach the writer.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
