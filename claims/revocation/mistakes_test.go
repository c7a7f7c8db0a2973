package revocation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
)

func TestMistakesInEntries(t *testing.T) {
	list := newList(t, revocation.Config{})
	list.Protect(claims.Issuer{URL: "https://unlimited.example/"})
	good := revocation.Entry{Kind: revocation.Session, Issuer: issuerURL, ID: "good"}
	for _, tt := range []struct {
		text  string
		entry revocation.Entry
	}{
		{`invalid Entry.Kind "": it is not one of ["token" "session" "subject" "client" "issuer"]`, revocation.Entry{}},
		{`invalid Entry.Kind "Token"`, revocation.Entry{Kind: "Token", Issuer: issuerURL, ID: "x"}},
		{"invalid Entry.Issuer: it does not have 1 to 2048 bytes", revocation.Entry{Kind: revocation.Subject, ID: "x"}},
		{"invalid Entry.Issuer", revocation.Entry{Kind: revocation.Subject, Issuer: strings.Repeat("x", 2049), ID: "x"}},
		{"invalid Entry.ID: it does not have 1 to 1024 bytes", revocation.Entry{Kind: revocation.Client, Issuer: issuerURL}},
		{"invalid Entry.ID", revocation.Entry{Kind: revocation.Client, Issuer: issuerURL, ID: strings.Repeat("x", 1025)}},
		{"invalid Entry.ID: an entry of kind issuer has none", revocation.Entry{Kind: revocation.Issuer, Issuer: issuerURL, ID: "x"}},
		{"invalid Entry.NotBefore: an entry of kind session refuses every token", revocation.Entry{Kind: revocation.Session, Issuer: issuerURL, ID: "x", NotBefore: time.Now()}},
		{"invalid Entry.NotBefore 5", revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "x", NotBefore: time.Unix(time.Now().UnixMilli(), 0)}},
		{"invalid Entry.ExpiresAt: an entry of kind client lives for the MaxLifetime", revocation.Entry{Kind: revocation.Client, Issuer: issuerURL, ID: "x", ExpiresAt: time.Now()}},
		{
			`invalid Entry.Issuer "https://issuer.example": List.Protect knows "https://issuer.example/", and the slash is part of it`,
			revocation.Entry{Kind: revocation.Token, Issuer: "https://issuer.example", ID: "x", ExpiresAt: time.Now().Add(time.Hour)},
		},
		{
			`invalid Entry.Issuer "https://unlimited.example//": List.Protect knows "https://unlimited.example/"`,
			revocation.Entry{Kind: revocation.Issuer, Issuer: "https://unlimited.example//"},
		},
		{
			`an entry of kind subject must live as long as the longest token of "https://unlimited.example/": set MaxLifetime of the issuer, and call List.Protect with it`,
			revocation.Entry{Kind: revocation.Subject, Issuer: "https://unlimited.example/", ID: "x"},
		},
		{
			`longest token of "https://unknown.example/": set Entry.ExpiresAt, or set MaxLifetime of the issuer`,
			revocation.Entry{Kind: revocation.Token, Issuer: "https://unknown.example/", ID: "x"},
		},
	} {
		t.Run(tt.text, func(t *testing.T) {
			err := list.Add(t.Context(), good, tt.entry, revocation.Entry{Kind: "also wrong"})
			require.ErrorContains(t, err, "revocation: ")
			assert.ErrorContains(t, err, tt.text)
			assert.ErrorContains(t, err, "also wrong", "all mistakes are reported")
			assert.NotErrorIs(t, err, claims.ErrUnavailable, "to try again does not help")
			assert.Equal(t, 0, list.Status().Entries[revocation.Session], "nothing is added")
		})
	}
	assert.ErrorContains(t, list.Remove(t.Context(), revocation.Entry{Kind: "x"}), "invalid Entry.Kind")
	assert.NoError(t, list.Add(t.Context()))
	list.Protect(claims.Issuer{URL: "https://issuer.example", MaxLifetime: lifetime})
	assert.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: revocation.Session, Issuer: "https://issuer.example", ID: "x"}), "both are issuers")
}

func TestMistakesInConfig(t *testing.T) {
	do := newFakeServer().do
	_, err := revocation.New(revocation.Config{Do: do, Prefix: strings.Repeat("{", 257), Timeout: -1, MaxAge: time.Second, MaxEntries: -1})
	for _, text := range []string{
		"Prefix: it has more than 256 bytes", "Prefix: it has a brace", "Timeout -1ns: it is not between 0 and 5s",
		"MaxAge 1s: it is not between 5s and 1h0m0s", "MaxEntries -1: it is not between 0 and 16777216",
	} {
		assert.ErrorContains(t, err, "revocation: invalid Config."+text)
	}
	for rule, config := range map[string]revocation.Config{
		"}": {Do: do, Prefix: "a}"}, "line break": {Do: do, Prefix: "a\nb"}, "letter": {Do: do, Prefix: "ä"}, "long timeout": {Do: do, Timeout: 6 * time.Second},
		"old": {Do: do, MaxAge: 2 * time.Hour}, "many": {MaxEntries: 1<<24 + 1}, "prefix without Do": {Prefix: "a"}, "timeout without Do": {Timeout: 1},
		"age without Do": {MaxAge: time.Minute}, "policy without Do": {ContinueWhenStale: true},
	} {
		_, err := revocation.New(config)
		assert.Error(t, err, rule)
	}
	_, err = revocation.New(revocation.Config{Do: do, Prefix: "api-1", Timeout: 5 * time.Second, MaxAge: 5 * time.Second, MaxEntries: 1 << 24, ContinueWhenStale: true})
	assert.NoError(t, err)
}
