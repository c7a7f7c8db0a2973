package jwks

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestValidatorsWorthKeeping(t *testing.T) {
	const modified, later = "Sat, 21 Nov 2026 12:00:00 GMT", "Sat, 21 Nov 2026 12:00:01 GMT"
	for name, tt := range map[string]struct {
		etag, lastModified, date string
		want                     validators
	}{
		"none":                        {"", "", later, validators{}},
		"strong":                      {`"abc-1"`, "", later, validators{etag: `"abc-1"`}},
		"weak":                        {`W/"abc"`, "", later, validators{etag: `W/"abc"`}},
		"empty":                       {`""`, "", later, validators{etag: `""`}},
		"without quotes":              {`abc`, "", later, validators{}},
		"one quote":                   {`"`, "", later, validators{}},
		"open":                        {`"abc`, "", later, validators{}},
		"quote inside":                {`"a"b"`, "", later, validators{}},
		"control character":           {"\"a\x01\"", "", later, validators{}},
		"line break":                  {"\"a\r\nX: y\"", "", later, validators{}},
		"not ASCII":                   {`"é"`, "", later, validators{}},
		"weak in lower case":          {`w/"abc"`, "", later, validators{}},
		"longest":                     {`"` + strings.Repeat("a", 254) + `"`, "", later, validators{etag: `"` + strings.Repeat("a", 254) + `"`}},
		"too long to be sent back":    {`"` + strings.Repeat("a", 255) + `"`, "", later, validators{}},
		"date a second before":        {"", modified, later, validators{lastModified: modified}},
		"date within the same second": {"", modified, modified, validators{}},
		"date after the answer":       {"", later, modified, validators{}},
		"date of an answer without":   {"", modified, "", validators{}},
		"no date":                     {"", "yesterday", later, validators{}},
		"date in an older format":     {"", "Saturday, 21-Nov-26 12:00:00 GMT", later, validators{lastModified: modified}},
		"both":                        {`"abc"`, modified, later, validators{`"abc"`, modified}},
		"one of them good":            {`abc`, modified, later, validators{lastModified: modified}},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"Etag": {tt.etag}, "Last-Modified": {tt.lastModified}, "Date": {tt.date}}
			assert.Equal(t, tt.want, newValidators(h))
		})
	}
}

func TestPrintable(t *testing.T) {
	assert.Equal(t, "plain text", printable("plain text", 10))
	assert.Equal(t, "plain tex...", printable("plain text", 9))
	assert.Equal(t, "a?b?c??d", printable("a\nb\x1bc\xff\u00e9d", 20))
}
