// oauth2-mock-server with its defaults. Its issuer is on localhost without a path. It signs
// with all of its keys in turn, and cannot remove a key.
import { randomUUID } from 'node:crypto';

import { OAuth2Server } from 'oauth2-mock-server';

import { listening, obey } from './commands.mjs';

const server = new OAuth2Server();
let settings;

server.service.on('beforeTokenSigning', ({ header, payload }) => {
  payload.exp = payload.iat + settings.lifetime;
  if (!settings.rfc9068) return;
  header.typ = 'at+jwt';
  Object.assign(payload, { sub: settings.client, client_id: settings.client, jti: randomUUID() });
});

async function publish({ keys }) {
  const published = new Set(server.issuer.keys.toJSON().map(({ kid }) => kid));
  for (const key of keys) {
    if (!published.has(key.kid)) await server.issuer.keys.add(key);
  }
}

await obey(async (changed) => {
  settings = changed;
  await publish(settings);
  if (!server.listening) {
    await listening(() => server.start(settings.port, '127.0.0.1'));
  }
  return server.issuer.url;
});
