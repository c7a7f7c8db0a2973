package strict

import (
	"bytes"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A decoder reads one JSON text in memory. Decoders are pooled because making one costs more
// than reading a token.
type decoder struct {
	doc    bytes.Buffer // json reads it in place
	json   *jsontext.Decoder
	pooled bool
}

// A jsontext.Decoder keeps the memory of each level of nesting until it reads a document of the
// same depth. Hostile documents could leave megabytes in the pool this way. A decoder is
// therefore not reused after a document that is longer, or has more members, than an ordinary
// token's.
const (
	pooledBytes   = 8 << 10
	pooledMembers = 64 // counted as colons, including those in strings
)

var decoders = sync.Pool{New: func() any {
	d := new(decoder)
	d.json = jsontext.NewDecoder(&d.doc)
	return d
}}

func newDecoder(doc string) *decoder {
	pooled := len(doc) <= pooledBytes && strings.Count(doc, ":") <= pooledMembers
	var d *decoder
	if pooled {
		d = decoders.Get().(*decoder)
	} else {
		d = decoders.New().(*decoder)
	}
	d.pooled = pooled
	d.doc.WriteString(doc)
	d.json.Reset(&d.doc)
	return d
}

func (d *decoder) release() {
	if d.pooled {
		d.doc.Reset()
		decoders.Put(d)
	}
}

// nextMember returns the next name and its value.
func (d *decoder) nextMember() (m Member, err error) {
	if m.Name, err = d.next(); err != nil {
		return Member{}, err
	}
	m.Value, err = d.next()
	return m, err
}

// next returns the range of the next name or value, without surrounding white space.
func (d *decoder) next() (Span, error) {
	value, err := d.json.ReadValue()
	if err != nil {
		return Span{}, ErrSyntax // the decoder's own error may quote the document
	}
	end := int32(d.json.InputOffset()) //nolint:gosec // see Span
	return Span{end - int32(len(value)), end}, nil
}
