package keyset

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// The limits of a document. They hold before anything in it is believed.
const (
	MaxDocumentBytes = 512 << 10
	MaxKeys          = 256
	MaxKeyIDBytes    = 256
)

// splitDocument returns the elements of the document's keys member, after a check of their
// JSON grammar only. Duplicate names and invalid UTF-8 inside an element make that one key
// unusable, so the reader of the element refuses them.
func splitDocument(doc []byte) ([]jsontext.Value, error) {
	if len(doc) > MaxDocumentBytes {
		return nil, fmt.Errorf("jwks: key set is longer than %d bytes", MaxDocumentBytes)
	}
	doc = TrimMark(doc)
	split := splitter{doc: doc, dec: jsontext.NewDecoder(bytes.NewBuffer(doc),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	keys, err := split.document()
	if err != nil {
		return nil, fmt.Errorf("jwks: not a JWK Set: %w", err)
	}
	return keys, nil
}

// TrimMark returns a document without its byte order mark. RFC 8259 section 8.1 forbids the
// mark in JSON, but lets readers ignore it, and some editors on Windows write it.
func TrimMark(document []byte) []byte {
	return bytes.TrimPrefix(document, []byte("\xef\xbb\xbf"))
}

type splitter struct {
	doc []byte
	dec *jsontext.Decoder
}

func (s *splitter) document() ([]jsontext.Value, error) {
	if s.dec.PeekKind() != '{' {
		return nil, s.other("not a JSON object")
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return nil, s.syntax()
	}
	keys, err := s.members()
	if err != nil {
		return nil, err
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return nil, s.syntax()
	}
	if _, err := s.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return keys, nil
}

// members reads up to the closing brace. It refuses a duplicate member, because another
// reader of the document could use the other value.
func (s *splitter) members() (keys []jsontext.Value, err error) {
	seen := make(map[string]bool)
	for s.dec.PeekKind() != '}' {
		token, err := s.dec.ReadToken()
		if err != nil {
			return nil, s.syntax()
		}
		name := token.String()
		if seen[name] {
			return nil, errors.New("duplicate member")
		}
		seen[name] = true
		if name != "keys" {
			err = s.skip()
		} else {
			keys, err = s.elements()
		}
		if err != nil {
			return nil, err
		}
	}
	if !seen["keys"] {
		return nil, s.other("no member keys")
	}
	return keys, nil
}

// other says what the document looks like, or else the problem.
func (s *splitter) other(problem string) error {
	if looks := LooksLike(s.doc); looks != "" && looks != LooksLikeSet {
		problem = looks
	}
	return errors.New(problem)
}

func (s *splitter) elements() (keys []jsontext.Value, err error) {
	if s.dec.PeekKind() != '[' {
		return nil, errors.New("member keys is not an array")
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return nil, s.syntax()
	}
	for s.dec.PeekKind() != ']' {
		if len(keys) == MaxKeys {
			return nil, fmt.Errorf("more than %d keys", MaxKeys)
		}
		value, err := s.dec.ReadValue()
		if err != nil {
			return nil, s.syntax()
		}
		end := int(s.dec.InputOffset())
		keys = append(keys, jsontext.Value(s.doc[end-len(value):end]))
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return nil, s.syntax()
	}
	return keys, nil
}

func (s *splitter) skip() error {
	if err := s.dec.SkipValue(); err != nil {
		return s.syntax()
	}
	return nil
}

// syntax names the place of an error. The decoder's own text would quote the document.
func (s *splitter) syntax() error {
	return fmt.Errorf("invalid JSON near byte %d", s.dec.InputOffset())
}
