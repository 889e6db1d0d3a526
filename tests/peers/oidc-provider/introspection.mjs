// What the gate makes of opaque tokens of a provider that others wrote, which it asks what they are (RFC 7662).

import { setTimeout as sleep } from 'node:timers/promises';

import { Gate, until } from './gate.mjs';
import { CLIENT, GATE, OPAQUE_API, OTHER_API, TestProvider, newKey } from './provider.mjs';

const CACHE = 2_000; // milliseconds

let failed = 0;

function check(name, holds, why = '') {
  failed += holds ? 0 : 1;
  console.log(`${holds ? 'ok' : 'not ok'} - ${name}${holds ? '' : `  # ${typeof why === 'string' ? why : JSON.stringify(why)}`}`);
}

function isRefused(answer, code) {
  return answer.status === 401 && answer.code === code && answer.challenge.includes('error="invalid_token"');
}

function trust(provider, more = {}) {
  const introspection = { endpoint: `${provider.address}/token/introspection`, ...GATE, cache: `${CACHE}ms`, ...more };
  return { peer: { issuer: provider.issuer, audience: [OPAQUE_API], leeway: '0s', keys: { introspection } } };
}

async function tokensAreIntrospected(gate, provider) {
  check('the gate is ready, and has asked nothing', (await gate.ready()) && provider.introspections === 0);
  const token = await provider.tokenOf('alice', 'AccessToken');
  check('the token is opaque', !token.includes('.'), 'it has dots');
  const good = await gate.ask(token);
  check('an opaque token of a user passes', good.status === 200, good);
  check('the upstream is told who calls, and gets no token', good.told['x-auth-sub'] === 'alice' && !good.told.authorization, good.told);
  await Promise.all(Array.from({ length: 50 }, () => gate.ask(token)));
  check('what is known is not asked again', provider.introspections === 1, `${provider.introspections} times`);

  const scope = await gate.ask(token, '/changes/7');
  check('a missing scope is 403', scope.status === 403 && scope.challenge.includes('insufficient_scope'), scope);
  const audience = await gate.ask(await provider.tokenOf('alice', 'AccessToken', { aud: OTHER_API }));
  check('a token for another audience is refused', isRefused(audience, 'wrong-audience'), audience);
  const refresh = await gate.ask(await provider.tokenOf('alice', 'RefreshToken'));
  check('a refresh token, though active, is no access token', isRefused(refresh, 'wrong-token-type'), refresh);
  const bound = await gate.ask(await provider.tokenOf('alice', 'AccessToken', { jkt: 'A'.repeat(43) }));
  check('a token that is bound to a key is refused without its proof', isRefused(bound, 'sender-constraint'), bound);
  const made = await gate.ask('made-up-token');
  check('a made-up token is refused', isRefused(made, 'token-inactive'), made);
  const client = await gate.ask(await provider.token({ resource: OPAQUE_API }));
  check('a token without a subject is refused', isRefused(client, 'missing-claim'), client);
}

async function revocationsAreSeen(gate, provider) {
  const token = await provider.tokenOf('bob', 'AccessToken');
  check('another token passes', (await gate.ask(token)).status === 200);
  await provider.revoke(token);
  const seen = await until(async () => isRefused(await gate.ask(token), 'token-inactive'), 3 * CACHE);
  check('a revocation at the provider is seen when the answer is no longer remembered', seen, await gate.ask(token));
}

async function theProviderGoesAway(gate, provider) {
  const [known, unknown] = [await provider.tokenOf('carol', 'AccessToken'), await provider.tokenOf('dave', 'AccessToken')];
  check('a token is known', (await gate.ask(known)).status === 200);
  const port = await provider.goAway();
  const still = await gate.ask(known);
  check('while the provider is away it goes on', still.status === 200, still);
  const other = await gate.ask(unknown);
  check('what cannot be asked is 503, and no fault of the token', other.status === 503 && other.code === 'introspection-unavailable', other);
  await sleep(CACHE);
  const late = await gate.ask(known);
  check('and nothing is believed for longer than it is remembered', late.status === 503, late);
  await provider.comeBack(port);
  check('when it is back both pass', await until(async () => (await Promise.all([known, unknown].map((token) => gate.ask(token)))).every((answer) => answer.status === 200)));
}

async function clientsActForThemselves(provider) {
  const gate = await Gate.start(trust(provider, { client_as_subject: true }));
  const answer = await gate.ask(await provider.token({ resource: OPAQUE_API }));
  check('where the config says so a client is its own subject', answer.status === 200 && answer.told['x-auth-sub'] === CLIENT, answer);
  await gate.stop();
  const wrong = await Gate.start(trust(provider, { client_secret: 'hunter2' }));
  const unknown = await wrong.ask(await provider.token({ resource: OPAQUE_API }));
  check('a gate that the provider does not know says 503, and why in its log', unknown.status === 503 && wrong.log().includes('introspection endpoint'), unknown);
  check('without a secret in it', !wrong.log().includes('hunter2'), wrong.log());
  await wrong.stop();
}

async function main() {
  const provider = await TestProvider.start({ keys: [newKey('RS256')] });
  const gate = await Gate.start(trust(provider));
  try {
    await tokensAreIntrospected(gate, provider);
    await revocationsAreSeen(gate, provider);
    await theProviderGoesAway(gate, provider);
    const asked = await gate.metric('lychgate_introspections_total{issuer="peer",result="active"}');
    check('questions are counted', asked > 0, gate.log());
    await clientsActForThemselves(provider);
  } finally {
    await gate.stop();
    await provider.goAway();
  }
}

// whatever else goes wrong must not pass for success, nor leave a gate behind
await main().catch((error) => check('the test itself', false, String(error.stack ?? error)));
process.exit(failed ? 1 : 0);
