package main

// usage lists all flags. A test compares it with those that parse defines.
const usage = `bearerguard explain says why an access token is refused.

usage: bearerguard explain FLAGS < TOKEN
       bearerguard explain FLAGS -f FILE
       bearerguard explain FLAGS -serve

The token comes from standard input or a file, never from the command line.

The issuer, one of:
  -issuer URL           the exact iss; its keys are found by discovery
  -auth0 DOMAIN         an Auth0 tenant
  -okta DOMAIN/SERVER   an authorization server of Okta
  -entra TENANT         a tenant of Entra ID, a GUID
  -keycloak URL         a realm of Keycloak, ending in /realms/REALM
  -cognito POOL         a user pool of Cognito, such as eu-west-1_AbCdEf
  -cognito-updated POOL a user pool whose issuer type is UPDATED

What it accepts:
  -audience ID          an identifier of the API; repeatable. With -entra: the client ID
  -client ID            a client, with -cognito and -cognito-updated; repeatable
  -scope SCOPE          a scope that the route needs; repeatable
  -alg ALG              the only accepted alg; repeatable
  -typ TYP              the only accepted typ; repeatable
  -leeway DURATION      the tolerated clock difference; 5s by default

Its keys:
  -jwks FILE            a key set in a file: no request is made
  -jwks-url URL         the address of the key set, with -issuer

Input and output:
  -f FILE               the file with the token
  -json                 print JSON
  -show-personal        print claims about a person as well
  -serve                show a page in a browser on this machine instead
  -addr HOST:PORT       the loopback address of the page; 127.0.0.1:0 by default
  -h                    print this text

Exit codes:
  0  no check fails; this is no permission
  1  the token is refused
  2  wrong use, and no check was made
  3  not decided: the keys could not be fetched
`
