package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// A do sends one command to a Redis or Valkey server, for the packages dpop and revocation.
type do = func(ctx context.Context, args ...string) ([]string, error)

// redisAt returns the do of a server, or nil without a URL. It makes no connection yet.
func redisAt(url string) (do, error) {
	if url == "" {
		return nil, nil
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("it is not of the form redis://host:port/db") // the cause can have a password
	}
	options.ContextTimeoutEnabled = true
	client := redis.NewClient(options)
	return func(ctx context.Context, args ...string) ([]string, error) {
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
	}, nil
}
