package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// dpopFrom returns what DPOP, DPOP_NONCE_SECRET and REDIS_URL say, or nil if DPoP is off.
func dpopFrom(getenv func(string) string, addr string) (*dpop.Config, []error) {
	origins, secret, store := getenv("DPOP"), getenv("DPOP_NONCE_SECRET"), getenv("REDIS_URL")
	var problems []error
	if origins == "" || origins == "0" {
		for name, value := range map[string]string{"DPOP_NONCE_SECRET": secret, "REDIS_URL": store} {
			if value != "" {
				problems = append(problems, variable(name, errors.New("it has no effect without DPOP")))
			}
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
	if store != "" {
		c.Replays, err = sharedReplays(store)
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

// sharedReplays returns a store of used proofs that all processes with this URL share. It makes
// no connection yet.
func sharedReplays(url string) (dpop.ReplayStore, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("it is not of the form redis://host:port/db") // the cause can have a password
	}
	options.ContextTimeoutEnabled = true
	client := redis.NewClient(options)
	return dpop.NewShared(dpop.SharedConfig{Do: func(ctx context.Context, args ...string) ([]string, error) {
		command := make([]any, len(args))
		for n, arg := range args {
			command[n] = arg
		}
		reply := client.Do(ctx, command...)
		switch err := reply.Err(); {
		case errors.Is(err, redis.Nil):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("redis: %w", err)
		}
		if _, isArray := reply.Val().([]any); isArray {
			return reply.StringSlice()
		}
		text, err := reply.Text()
		return []string{text}, err
	}})
}
