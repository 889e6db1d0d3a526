// What the gate makes of tokens of a provider that others wrote, of its key rotations and of its outages.

import { setTimeout as sleep } from 'node:timers/promises';

import { Gate, freePort, until } from './gate.mjs';
import { API, CLIENT, OTHER_API, SHORT_LIVED, TestProvider, newKey } from './provider.mjs';

const REFRESH = 2_000; // milliseconds
const TRUST = {
  audience: [API],
  types: ['at+jwt'],
  leeway: '0s',
  refresh: { every: '2s', unknown_kid_at_most_every: '1s', timeout: '2s' },
};

let failed = 0;

function check(name, holds, why = '') {
  failed += holds ? 0 : 1;
  console.log(`${holds ? 'ok' : 'not ok'} - ${name}${holds ? '' : `  # ${typeof why === 'string' ? why : JSON.stringify(why)}`}`);
}

function isRefused(answer, code) {
  return answer.status === 401 && answer.code === code && answer.challenge.includes('error="invalid_token"');
}

async function tokensAreVerified(gate, provider, key) {
  const good = await gate.ask(await provider.token());
  check('a token of the discovered provider passes', good.status === 200, good);
  check('the upstream is told who calls, and gets no token', good.told['x-auth-sub'] === CLIENT && !good.told.authorization, good.told);

  const none = await gate.ask();
  check('no token is refused', none.status === 401 && !none.challenge.includes('error'), none);
  const scope = await gate.ask(await provider.token(), '/changes/7');
  check('a missing scope is 403', scope.status === 403 && scope.challenge.includes('insufficient_scope'), scope);
  const audience = await gate.ask(await provider.token({ resource: OTHER_API }));
  check('a token for another audience is refused', isRefused(audience, 'wrong-audience'), audience);

  const short = await provider.token({ resource: SHORT_LIVED });
  await sleep(2_100);
  const expired = await gate.ask(short);
  check('an expired token is refused', isRefused(expired, 'token-expired'), expired);

  const foreign = await TestProvider.start({ keys: [newKey('RS256')] });
  const stranger = await gate.ask(await foreign.token());
  check('a token of a provider that nobody trusts is refused', isRefused(stranger, 'unknown-issuer'), stranger);
  await foreign.goAway();

  const impostor = await TestProvider.start({ issuer: provider.issuer, keys: [newKey('RS256', key.kid)] });
  const forged = await gate.ask(await impostor.token());
  check('a token in the name of the provider, with its kid but not its key, is refused', isRefused(forged, 'bad-signature'), forged);
  await impostor.goAway();
}

// a client that never stops asking with the newest token; what it got besides 200 is in `failures`
function steadyStream(gate, provider) {
  const stream = { asked: 0, failures: [], running: true };
  let token = provider.token();
  const renew = async () => {
    for (; stream.running; await sleep(100)) {
      const fresh = await provider.token();
      token = Promise.resolve(fresh);
    }
  };
  const ask = async () => {
    for (; stream.running; await sleep(5)) {
      const answer = await gate.ask(await token).catch((error) => ({ status: String(error) }));
      stream.asked += 1;
      if (answer.status !== 200) stream.failures.push(answer);
    }
  };
  stream.ended = Promise.all([renew(), ...Array.from({ length: 8 }, ask)]);
  stream.stop = async () => {
    stream.running = false;
    await stream.ended;
  };
  return stream;
}

async function keysRotate(gate, provider, first) {
  const before = await provider.token();
  const askedBefore = provider.keysAsked;
  const begun = Date.now();
  const stream = steadyStream(gate, provider);
  let key = first;
  let last = before;
  for (const alg of ['ES256', 'RS256', 'ES256']) {
    await sleep(1_500);
    last = await provider.token();
    const next = newKey(alg);
    // the new key signs at once, with the old one still published: nobody was warned
    provider.publish([key, next], next);
    await sleep(1_500);
    provider.publish([next], next);
    key = next;
  }
  await sleep(1_500);
  await stream.stop();
  check(`three rotations: none of ${stream.asked} requests failed`, stream.asked > 500 && stream.failures.length === 0, stream.failures.slice(0, 3));
  check('and the gate was not restarted', gate.process.exitCode === null);
  const asked = provider.keysAsked - askedBefore;
  // one fetch a refresh, and one for each key that was not known yet
  const most = Math.ceil((Date.now() - begun) / REFRESH) + 1 + 3;
  check('and the provider was not asked more often than it must be', asked <= most, `${asked} times, at most ${most}`);

  const gone = async (token) => isRefused(await gate.ask(token), 'unknown-key');
  check('a token of a key that is gone is refused, though it was seen before', await until(() => gone(before), 2 * REFRESH), await gate.ask(before));
  check('and so is one that was never seen', await until(() => gone(last), 2 * REFRESH), await gate.ask(last));
  return key;
}

// tokens with keys that never were, as many as anyone cares to make up
async function unknownKeysFlood(gate, provider) {
  const [, payload, signature] = (await provider.token()).split('.');
  const madeUp = (kid) => Buffer.from(JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid })).toString('base64url');
  const before = provider.keysAsked;
  const begun = Date.now();
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, number) => gate.ask(`${madeUp(`no-such-key-${number}`)}.${payload}.${signature}`)),
  );
  const wrong = answers.filter((answer) => !isRefused(answer, 'unknown-key'));
  check('made-up keys are refused', wrong.length === 0, wrong.slice(0, 3));
  const most = 2 + Math.ceil((Date.now() - begun) / 1_000) + Math.ceil((Date.now() - begun) / REFRESH);
  const asked = provider.keysAsked - before;
  check('and 300 of them cost the provider next to nothing', asked <= most, `${asked} times, at most ${most}`);
}

async function theProviderGoesAway(gate, provider, key) {
  const token = await provider.token();
  const port = await provider.goAway();
  await sleep(2 * REFRESH);

  const begun = Date.now();
  const known = await gate.ask(token);
  check('while the provider is away its known keys go on', known.status === 200, known);
  check('and nobody waits for it', Date.now() - begun < 1_000, `${Date.now() - begun} ms`);
  check('and the gate stays ready', await gate.ready());

  const next = newKey('RS256');
  const elsewhere = await TestProvider.start({ issuer: provider.issuer, keys: [next] });
  const unknown = await gate.ask(await elsewhere.token());
  check('a key that it cannot ask about is refused', isRefused(unknown, 'unknown-key'), unknown);
  await elsewhere.goAway();

  provider.publish([key, next], next);
  await provider.comeBack(port);
  const fresh = await provider.token();
  check('when it is back its new key is known soon', await until(async () => (await gate.ask(fresh)).status === 200, 4 * REFRESH), await gate.ask(fresh));
}

async function theGateStartsFirst() {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const keys = [newKey('RS256')];
  const gate = await Gate.start({ late: { ...TRUST, issuer } });
  const offline = await TestProvider.start({ issuer, keys });
  const token = await offline.token();
  await offline.goAway();

  const early = await gate.ask(token);
  check('before the first keys the gate is up but not ready, and says 503', early.status === 503 && early.code === 'keys-unavailable', early);
  check('which readiness says too', !(await gate.ready()));
  const provider = await TestProvider.start({ port, issuer, keys });
  check('it is ready once the provider is there', await until(() => gate.ready()), gate.log());
  const later = await gate.ask(token);
  check('and then the same token passes', later.status === 200, later);
  await provider.goAway();
  check('SIGTERM ends it cleanly', (await gate.stop()) === 0);
}

async function main() {
  const first = newKey('RS256');
  const provider = await TestProvider.start({ keys: [first] });
  const gate = await Gate.start({ peer: { ...TRUST, issuer: provider.issuer } });
  try {
    check('the provider is discovered', await until(() => gate.ready()), gate.log());
    await tokensAreVerified(gate, provider, first);
    const key = await keysRotate(gate, provider, first);
    await unknownKeysFlood(gate, provider);
    await theProviderGoesAway(gate, provider, key);
    const fetched = (result) => gate.metric(`lychgate_keys_fetch_total{issuer="peer",result="${result}"}`);
    check('fetches are counted', (await fetched('success')) > 0, gate.log());
  } finally {
    await gate.stop();
    await provider.goAway();
  }
  await theGateStartsFirst();
}

// whatever else goes wrong must not pass for success, nor leave a gate behind
await main().catch((error) => check('the test itself', false, String(error.stack ?? error)));
process.exit(failed ? 1 : 0);
