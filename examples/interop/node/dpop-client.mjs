// A client that gets a token bound to its key (RFC 9449), and calls an API with it. Proofs,
// tokens, and what the client makes of an answer are the work of one of three libraries.
//
// A command with the name of a library makes a new client, which gets a token. Any other
// command is a request to the API.
import * as dpop from 'dpop';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';

import { answer } from './commands.mjs';

const insecure = { [oauth.allowInsecureRequests]: true };

// renaming makes a client write the name EdDSA, which older software knows (RFC 8037), in
// place of Ed25519 (RFC 9864). This is how the documentation of oauth4webapi does it.
const renaming = (alg) => ({
  [oauth.modifyAssertion]: (header) => {
    if (alg === 'EdDSA') header.alg = alg;
  },
});

// again calls f once more if a nonce was asked for. Its library has noted the nonce.
const again = (f) => f().catch((error) => {
  if (!oauth.isDPoPNonceError(error)) throw error;
  return f();
});

// A library makes a client. Its token is what it got, and call sends a request by this fetch.
const libraries = {
  async oauth4webapi({ issuer, client, secret, resource, scope, alg }) {
    const url = new URL(issuer);
    const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, insecure));
    const options = { ...insecure, DPoP: oauth.DPoP({}, await oauth.generateKeyPair(alg), renaming(alg)) };
    const { access_token: token } = await again(async () => {
      const authentication = oauth.ClientSecretBasic(secret);
      const response = await oauth.clientCredentialsGrantRequest(
        as, { client_id: client }, authentication, { resource, scope }, options,
      );
      return oauth.processClientCredentialsResponse(as, { client_id: client }, response);
    });
    const call = ({ token, url, method }, fetch) => again(() => oauth.protectedResourceRequest(
      token, method, new URL(url), undefined, undefined, { ...options, [oauth.customFetch]: fetch },
    ));
    return { token, call };
  },

  async 'openid-client'({ issuer, client, secret, resource, scope, alg }) {
    const config = await openid.discovery(
      new URL(issuer), client, {}, openid.ClientSecretBasic(secret), { execute: [openid.allowInsecureRequests] },
    );
    const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair(alg), renaming(alg));
    const { access_token: token } = await openid.clientCredentialsGrant(config, { resource, scope }, { DPoP });
    const call = ({ token, url, method }, fetch) => {
      config[openid.customFetch] = fetch;
      return openid.fetchProtectedResource(config, token, new URL(url), method, null, undefined, { DPoP });
    };
    return { token, call };
  },

  // dpop makes proofs only: what to do with a nonce is the program's work.
  async dpop({ issuer, client, secret, resource, scope, alg }) {
    const keys = await dpop.generateKeyPair(alg);
    const nonces = new Map();
    const send = async (fetch, { url, htu, method, token, ...init }) => {
      const { origin } = new URL(url);
      const proof = await dpop.generateProof(keys, htu ?? url.split(/[?#]/)[0], method, nonces.get(origin), token);
      const response = await fetch(url, { ...init, method, headers: { ...init.headers, dpop: proof } });
      const nonce = response.headers.get('dpop-nonce');
      if (!nonce) return response;
      nonces.set(origin, nonce);
      if (response.ok || init.repeated) return response;
      return send(fetch, { url, htu, method, token, ...init, repeated: true });
    };
    const response = await send(fetch, {
      url: `${issuer}/token`,
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${client}:${secret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
    });
    const { access_token: token } = await response.json();
    const call = (command, fetch) => send(fetch, {
      ...command, headers: { authorization: `DPoP ${command.token}` }, redirect: 'manual',
    });
    return { token, call };
  },
};

// The clock of this program, and so of every library, is off by this many seconds.
let skew = 0;
const { now } = Date;
Date.now = () => now() + skew * 1000;

// carrier returns a fetch that sends requests to another address than that of their URL, as
// a name that resolves to a gateway does. It notes what it sends. It can leave out the token.
const carrier = ({ to, anonymous }, sent) => async (href, init) => {
  const { origin, pathname, search } = new URL(href);
  const headers = new Headers(init.headers);
  if (anonymous) headers.delete('authorization');
  const response = await fetch((to || origin) + pathname + search, { ...init, headers });
  sent.push({
    method: init.method,
    target: pathname + search,
    authorization: headers.get('authorization'),
    proof: headers.get('dpop'),
    status: response.status,
    challenge: response.headers.get('www-authenticate'),
  });
  return response;
};

// challengesIn returns what a library reads from the challenges of a refused request. The
// package dpop reads none.
const challengesIn = (thrown) => {
  if (!(thrown instanceof oauth.WWWAuthenticateChallengeError)) throw thrown;
  return thrown.cause;
};

let client;
let token;

await answer(async (command) => {
  if (command.library) {
    skew = command.skew;
    client = await libraries[command.library](command);
    ({ token } = client);
    return { token };
  }
  const sent = [];
  const read = await client.call({ token, ...command }, carrier(command, sent)).then(() => [], challengesIn);
  return { sent, read };
});
