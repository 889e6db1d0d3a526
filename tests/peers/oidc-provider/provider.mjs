// An OpenID provider that can change its keys while it runs, go away, and come back.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import http from 'node:http';
import { pathToFileURL } from 'node:url';

const entry = `${process.env.NODE_MODULES}/oidc-provider/lib/index.js`;
// it says on which Node.js it is at home; that is no news here
console.warn = () => {};
console.info = () => {};
const { Provider } = await import(pathToFileURL(entry));

export const API = 'https://api.example.com';
export const OTHER_API = 'https://other.example.com';
export const SHORT_LIVED = 'https://api.example.com/short';
export const OPAQUE_API = 'https://opaque.example.com';
export const CLIENT = 'orders-client';
// the gate, where it asks what an opaque token is
export const GATE = { client_id: 'the gate', client_secret: 'a secret: of the gate/alone' };

const SECRET = 'a-secret-of-this-test-alone';

// a new signing key with its private half, as JWK
export function newKey(alg, kid = randomUUID()) {
  const [type, options] = alg === 'ES256' ? ['ec', { namedCurve: 'P-256' }] : ['rsa', { modulusLength: 2048 }];
  return { ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

// what `oidc-provider` is told: machine clients, and JWT access tokens for the resources that they name
function configuration(keys, signWith) {
  return {
    clients: [{
      client_id: CLIENT,
      client_secret: SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: signWith.alg,
    }, {
      ...GATE,
      grant_types: [],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: signWith.alg,
    }],
    jwks: { keys },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => API,
        getResourceServerInfo: (_, resource) => ({
          scope: 'orders/read',
          audience: [OTHER_API, OPAQUE_API].includes(resource) ? resource : API,
          accessTokenTTL: resource === SHORT_LIVED ? 1 : 600,
          accessTokenFormat: resource === OPAQUE_API ? 'opaque' : 'jwt',
          jwt: { sign: { alg: signWith.alg, kid: signWith.kid } },
        }),
      },
    },
  };
}

export class TestProvider {
  #server;
  #answer;
  // how often its keys were asked for
  keysAsked = 0;
  // how often it was asked what a token is
  introspections = 0;

  // on the given port, or a free one; `issuer` is what it calls itself, its own address unless told
  static async start({ port = 0, issuer, keys }) {
    const provider = new TestProvider();
    provider.#server = http.createServer((request, response) => {
      if (request.url === '/jwks') provider.keysAsked += 1;
      if (request.url === '/token/introspection') provider.introspections += 1;
      provider.#answer(request, response);
    });
    await provider.#listen(port);
    provider.address = `http://127.0.0.1:${provider.#server.address().port}`;
    provider.issuer = issuer ?? provider.address;
    provider.publish(keys, keys[0]);
    return provider;
  }

  // from now on the key set is `keys`, and tokens are signed with `signWith`
  publish(keys, signWith) {
    this.provider = new Provider(this.issuer, configuration(keys, signWith));
    this.#answer = this.provider.callback();
  }

  // an opaque token of a user, of the kind `AccessToken` or `RefreshToken`
  async tokenOf(accountId, kind, more = {}) {
    const client = await this.provider.Client.find(CLIENT);
    const token = new this.provider[kind]({ client, accountId, scope: 'orders/read', aud: OPAQUE_API, ...more });
    return token.save();
  }

  async revoke(token) {
    const answer = await fetch(`${this.address}/token/revocation`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${CLIENT}:${SECRET}`)}` },
      body: new URLSearchParams({ token }),
    });
    if (!answer.ok) throw new Error(`not revoked: ${answer.status}`);
  }

  async token({ resource = API, scope = 'orders/read' } = {}) {
    const answer = await fetch(`${this.address}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${CLIENT}:${SECRET}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource, ...(scope && { scope }) }),
    });
    const body = await answer.json();
    if (!body.access_token) throw new Error(`no token: ${JSON.stringify(body)}`);
    return body.access_token;
  }

  #listen(port) {
    return new Promise((resolve, reject) => this.#server.once('error', reject).listen(port, '127.0.0.1', resolve));
  }

  async goAway() {
    const { port } = this.#server.address();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
    return port;
  }

  async comeBack(port) {
    await this.#listen(port);
  }
}
