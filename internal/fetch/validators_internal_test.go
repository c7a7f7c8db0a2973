package fetch

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestNewValidators(t *testing.T) {
	const modified, later = "Sat, 21 Nov 2026 12:00:00 GMT", "Sat, 21 Nov 2026 12:00:01 GMT"
	for name, tt := range map[string]struct {
		etag, lastModified, date string
		want                     Validators
	}{
		"none":                        {"", "", later, Validators{}},
		"strong":                      {`"abc-1"`, "", later, Validators{etag: `"abc-1"`}},
		"weak":                        {`W/"abc"`, "", later, Validators{etag: `W/"abc"`}},
		"empty":                       {`""`, "", later, Validators{etag: `""`}},
		"without quotes":              {`abc`, "", later, Validators{}},
		"one quote":                   {`"`, "", later, Validators{}},
		"open":                        {`"abc`, "", later, Validators{}},
		"quote inside":                {`"a"b"`, "", later, Validators{}},
		"control character":           {"\"a\x01\"", "", later, Validators{}},
		"line break":                  {"\"a\r\nX: y\"", "", later, Validators{}},
		"not ASCII":                   {`"é"`, "", later, Validators{}},
		"weak in lower case":          {`w/"abc"`, "", later, Validators{}},
		"longest":                     {`"` + strings.Repeat("a", 254) + `"`, "", later, Validators{etag: `"` + strings.Repeat("a", 254) + `"`}},
		"too long to be sent back":    {`"` + strings.Repeat("a", 255) + `"`, "", later, Validators{}},
		"date a second before":        {"", modified, later, Validators{lastModified: modified}},
		"date within the same second": {"", modified, modified, Validators{}},
		"date after the answer":       {"", later, modified, Validators{}},
		"date, but no Date header":    {"", modified, "", Validators{}},
		"no date":                     {"", "yesterday", later, Validators{}},
		"date in an older format":     {"", "Saturday, 21-Nov-26 12:00:00 GMT", later, Validators{lastModified: modified}},
		"both":                        {`"abc"`, modified, later, Validators{`"abc"`, modified}},
		"one of them good":            {`abc`, modified, later, Validators{lastModified: modified}},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"Etag": {tt.etag}, "Last-Modified": {tt.lastModified}, "Date": {tt.date}}
			assert.Equal(t, tt.want, NewValidators(h))
		})
	}
}

func TestConfirmed(t *testing.T) {
	for name, tt := range map[string]struct {
		known Validators
		etag  string
		want  bool
	}{
		"the same":                 {Validators{etag: `"a"`}, `"a"`, true},
		"the same, weak now":       {Validators{etag: `"a"`}, `W/"a"`, true},
		"the same, weak before":    {Validators{etag: `W/"a"`}, `"a"`, true},
		"the same, weak both":      {Validators{etag: `W/"a"`}, `W/"a"`, true},
		"none":                     {Validators{etag: `"a"`}, "", true},
		"another":                  {Validators{etag: `"a"`}, `"b"`, false},
		"another, weak":            {Validators{etag: `W/"a"`}, `W/"b"`, false},
		"another case":             {Validators{etag: `"a"`}, `"A"`, false},
		"not an ETag":              {Validators{etag: `"a"`}, `a`, false},
		"only a date was sent":     {Validators{lastModified: "x"}, `"b"`, true},
		"an empty one":             {Validators{etag: `"a"`}, `""`, false},
		"the empty one":            {Validators{etag: `""`}, `""`, true},
		"nothing was known at all": {Validators{}, `"b"`, true},
	} {
		assert.Equal(t, tt.want, tt.known.Confirmed(http.Header{"Etag": {tt.etag}}), name)
	}
}

// FuzzHeaders checks the bounds of everything that is read from a server's header fields.
func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{`"1"`, "max-age=1", "-1", "99999999999999999999", "\x00", ""} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, number, etag string) {
		h := http.Header{"Age": {number}, "Etag": {etag}, "Retry-After": {number}, "Cache-Control": {number, "max-age=" + number}}
		v := NewValidators(h)
		assert.Equal(t, Printable(v.etag, 256), v.etag)
		after := retryAfter(h, time.Now())
		assert.GreaterOrEqual(t, after, time.Duration(0))
		assert.LessOrEqual(t, after, maxRetryAfter)
		age, _ := MaxAge(h)
		assert.LessOrEqual(t, age.Abs(), 366*24*time.Hour)
	})
}
