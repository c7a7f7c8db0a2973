// oidc-provider with an issuer that has a path. It issues JWT access tokens for a resource
// server, which the request names by a resource indicator (RFC 8707).
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

import { listening, obey } from './commands.mjs';

const path = '/oidc';
const notFound = (req, res) => res.writeHead(404).end();

// The key set also has a key for encryption, and a key of a type that most software does
// not know. The latter is never used, so its material is random.
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const otherKeys = [
  { ...privateKey.export({ format: 'jwk' }), kid: 'encryption', use: 'enc' },
  {
    kty: 'AKP',
    alg: 'ML-DSA-44',
    kid: 'post-quantum',
    pub: randomBytes(1312).toString('base64url'),
    priv: randomBytes(32).toString('base64url'),
  },
];

let handler = notFound;
const server = createServer((req, res) => {
  if (!req.url.startsWith(`${path}/`)) return notFound(req, res);
  req.originalUrl = req.url; // the provider learns its mount path from this
  req.url = req.url.slice(path.length);
  return handler(req, res);
});

function accessTokens(alg, format) {
  const sign = { alg };
  switch (format) {
    case 'hmac':
      return { sign: { alg: 'HS256', key: randomBytes(32) } };
    case 'encrypted':
      return { sign, encrypt: { alg: 'dir', enc: 'A256GCM', key: randomBytes(32) } };
    default:
      return { sign };
  }
}

// An API that introspects tokens is a client as well. Its key is for private_key_jwt.
function apiClients({ api }, alg) {
  if (!api) return [];
  const { id, secret, key } = api;
  return [{
    client_id: id,
    ...(key
      ? { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key] } }
      : { client_secret: secret }),
    grant_types: [],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: alg,
    introspection_signed_response_alg: alg,
  }];
}

const nonceSecret = randomBytes(32);

const algorithms = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
];

function configuration(settings) {
  const { keys, client, secret, lifetime, certificate, format, requireNonce } = settings;
  const alg = settings.alg ?? keys[0].alg;
  const introspects = settings.api !== undefined;
  return {
    jwks: { keys: [...keys, ...otherKeys] },
    enabledJWA: {
      idTokenSigningAlgValues: algorithms,
      dPoPSigningAlgValues: algorithms,
      introspectionSigningAlgValues: algorithms,
    },
    scopes: ['read:timesheets', 'write:timesheets'],
    ttl: { ClientCredentials: () => lifetime },
    clients: [{
      client_id: client,
      client_secret: secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: alg, // the provider must have a key for it
      ...(introspects && { introspection_signed_response_alg: alg }),
      tls_client_certificate_bound_access_tokens: format === 'certificate-bound',
    }, ...apiClients(settings, alg)],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret, requireNonce: () => requireNonce ?? false },
      encryption: { enabled: true },
      introspection: { enabled: introspects },
      jwtIntrospection: { enabled: introspects },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: () => certificate, // usually from a header that a proxy sets
      },
      revocation: { enabled: introspects },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: () => ({
          scope: 'read:timesheets write:timesheets',
          accessTokenFormat: format === 'opaque' ? 'opaque' : 'jwt',
          jwt: accessTokens(alg, format),
        }),
      },
    },
  };
}

await obey(async (settings) => {
  if (!server.listening) {
    await listening(() => once(server.listen(settings.port, '127.0.0.1'), 'listening'));
  }
  const issuer = `http://127.0.0.1:${server.address().port}${path}`;
  handler = new Provider(issuer, configuration(settings)).callback();
  return issuer;
});
