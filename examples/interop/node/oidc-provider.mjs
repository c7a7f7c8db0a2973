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
let provider;
const server = createServer((req, res) => {
  if (!req.url.startsWith(`${path}/`)) return notFound(req, res);
  req.originalUrl = req.url; // the provider learns its mount path from this
  req.url = req.url.slice(path.length);
  if (req.url.startsWith('/interaction/')) {
    return provider.interactionFinished(req, res, { login: { accountId: 'alice' } });
  }
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

// A web application whose users log in, all as alice and without being asked. The provider tells
// it of the end of a session by a logout token.
function application({ application: id, secret, logoutURI }, alg) {
  return !logoutURI ? [] : [{
    client_id: id,
    client_secret: secret,
    grant_types: ['authorization_code'],
    redirect_uris: ['https://app.example.com/callback'],
    response_types: ['code'],
    id_token_signed_response_alg: alg,
    backchannel_logout_uri: logoutURI,
    backchannel_logout_session_required: true,
  }];
}

async function grantAll({ oidc }) {
  const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
  grant.addOIDCScope(oidc.params.scope);
  grant.addResourceScope(oidc.params.resource, oidc.params.scope);
  await grant.save();
  return grant;
}

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
    ttl: { AccessToken: () => lifetime, ClientCredentials: () => lifetime },
    // JWT access tokens have the session only if they are told to.
    extraTokenClaims: (ctx, token) => (token.sid ? { sid: token.sid } : undefined),
    findAccount: (ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    loadExistingGrant: grantAll,
    // The dispatcher refuses addresses on loopback, where the application of the tests is.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    interactions: { url: (ctx, { uid }) => `${path}/interaction/${uid}` },
    clients: [{
      client_id: client,
      client_secret: secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: alg, // the provider must have a key for it
      ...(introspects && { introspection_signed_response_alg: alg }),
      tls_client_certificate_bound_access_tokens: format === 'certificate-bound',
    }, ...apiClients(settings, alg), ...application(settings, alg)],
    features: {
      backchannelLogout: { enabled: true },
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
  provider = new Provider(issuer, configuration(settings));
  provider.on('backchannel.error', (ctx, error) => console.error(error));
  handler = provider.callback();
  return issuer;
});
