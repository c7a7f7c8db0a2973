package redact_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/internal/redact"
)

func TestURL(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "",
		"https://a.example/":                  "https://a.example/",
		"https://user:hunter2@a.example/":     "https://REDACTED@a.example/",
		"https://user:hun@ter2@a.example/":    "https://REDACTED@a.example/",
		"https://user:hun/ter2@a.example/":    "https://REDACTED@a.example/",
		"user:hunter2@a.example":              "REDACTED@a.example",
		" https://user:hunter2@a.example/ \n": " https://REDACTED@a.example/ \n",
	} {
		assert.Equal(t, want, redact.URL(text), text)
	}
}
