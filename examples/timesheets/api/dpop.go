package main

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// dpopFrom returns what DPOP and DPOP_NONCE_SECRET say, or nil if DPoP is off. Used proofs are in
// the store, or in memory without one.
func dpopFrom(getenv func(string) string, addr string, store do) (*dpop.Config, []error) {
	origins, secret := getenv("DPOP"), getenv("DPOP_NONCE_SECRET")
	var problems []error
	if origins == "" || origins == "0" {
		if secret != "" {
			problems = append(problems, variable("DPOP_NONCE_SECRET", errors.New("it has no effect without DPOP")))
		}
		return nil, problems
	}
	c := &dpop.Config{Origins: []string{"http://" + addr}}
	if origins != "1" {
		c.Origins = strings.Split(origins, ",")
	}
	_, err := dpop.New(*c)
	problems = append(problems, variable("DPOP", err))
	if secret != "" {
		c.Nonces, err = nonces(secret)
		problems = append(problems, variable("DPOP_NONCE_SECRET", err))
	}
	if store != nil {
		c.Replays, err = dpop.NewShared(dpop.SharedConfig{Do: store})
		problems = append(problems, variable("REDIS_URL", err))
	}
	return c, problems
}

// nonces demands a nonce of every proof. The error has no byte of the secret.
func nonces(secret string) (*dpop.Nonces, error) {
	decoded, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		return nil, errors.New("it is not base64")
	}
	n := &dpop.Nonces{Secrets: [][]byte{decoded}, Always: true}
	_, err = dpop.New(dpop.Config{Origins: []string{"https://api.example"}, Nonces: n})
	return n, err
}
