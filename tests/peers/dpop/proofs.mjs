// Proofs by a client library that others wrote: each algorithm, nonces, and proofs that are for something else.

import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const { dependencies: _, main, exports: entries } = JSON.parse(readFileSync(`${process.env.NODE_MODULES}/dpop/package.json`));
const entry = main ?? entries?.default ?? entries?.['.']?.default ?? './build/index.js';
const DPoP = await import(pathToFileURL(join(process.env.NODE_MODULES, 'dpop', entry)));

let failed = 0;

function check(name, holds, why = '') {
  failed += holds ? 0 : 1;
  console.log(`${holds ? 'ok' : 'not ok'} - ${name}${holds ? '' : `  # ${JSON.stringify(why)}`}`);
}

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const issuerKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

// an access token that is bound to this key, as an authorization server would make it
async function tokenFor(pair) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: 'https://idp.example', aud: 'api', sub: 'alice', iat: now, exp: now + 600, jti: randomUUID() };
  if (pair) claims.cnf = { jkt: await DPoP.calculateThumbprint(pair.publicKey) };
  const signed = `${encode({ alg: 'ES256', typ: 'at+jwt', kid: 'one' })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: issuerKey.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

async function startGate(echo, dpop) {
  const [port, admin] = [await freePort(), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), 'lychgate-dpop-'));
  const jwk = { ...issuerKey.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' };
  const config = {
    listeners: [{ address: `127.0.0.1:${port}` }],
    admin: { address: `127.0.0.1:${admin}` },
    trusted_issuers: { idp: { issuer: 'https://idp.example', audience: ['api'], keys: { inline: { keys: [jwk] } } } },
    upstreams: { echo: { endpoints: [`127.0.0.1:${echo.address().port}`] } },
    routes: [{ name: 'orders', match: { path: '/orders/{id}' }, access: { sender_constrained: 'required' }, upstream: 'echo' }],
    telemetry: { access_log: 'off' },
    dpop,
  };
  writeFileSync(join(folder, 'lychgate.yaml'), JSON.stringify(config));
  const log = openSync(join(folder, 'log'), 'a');
  const gate = spawn(process.env.LYCHGATE, ['serve', '--config', join(folder, 'lychgate.yaml')], { stdio: ['ignore', log, log] });
  process.once('exit', () => {
    gate.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  for (const end = Date.now() + 30_000; ; await sleep(50)) {
    const doors = [`http://127.0.0.1:${admin}/readyz`, `http://127.0.0.1:${port}/`];
    const open = await Promise.all(doors.map((door) => fetch(door).then((answer) => answer.status, () => 0)));
    if (open[0] === 200 && open[1] > 0) break;
    if (Date.now() > end) throw new Error(readFileSync(join(folder, 'log'), 'utf8'));
  }
  return `http://127.0.0.1:${port}`;
}

async function ask(url, token, proof, method = 'GET') {
  const answer = await fetch(url, { method, headers: { authorization: `DPoP ${token}`, ...(proof && { dpop: proof }) } });
  const body = await answer.json();
  return { status: answer.status, code: body.code, challenge: answer.headers.get('www-authenticate') ?? '', nonce: answer.headers.get('dpop-nonce'), body };
}

const echo = http.createServer((request, response) => response.end(JSON.stringify(request.headers)));
await new Promise((resolve) => echo.listen(0, '127.0.0.1', resolve));

try {
  const origin = await startGate(echo, {});
  const url = `${origin}/orders/7`;
  for (const alg of ['ES256', 'Ed25519', 'RS256', 'PS256']) {
    const pair = await DPoP.generateKeyPair(alg);
    const token = await tokenFor(pair);
    const proof = await DPoP.generateProof(pair, url, 'GET', undefined, token);
    const answer = await ask(`${url}?page=2`, token, proof);
    check(`a proof with ${alg} passes`, answer.status === 200 && answer.body['x-auth-sub'] === 'alice', answer);
    check(`and neither it nor the token reaches the upstream (${alg})`, !answer.body.dpop && !answer.body.authorization, answer.body);
    const again = await ask(url, token, proof);
    check(`and it is taken once (${alg})`, again.status === 401 && again.code === 'dpop-proof-replayed', again);
  }

  const pair = await DPoP.generateKeyPair('ES256');
  const token = await tokenFor(pair);
  const refused = async (name, code, proof, sent = token) => {
    const answer = await ask(url, sent, await proof);
    check(name, answer.status === 401 && answer.code === code && answer.challenge.startsWith('DPoP '), answer);
  };
  await refused('no proof is refused', 'dpop-proof-missing');
  await refused('a proof for another method is refused', 'dpop-proof-method', DPoP.generateProof(pair, url, 'POST', undefined, token));
  await refused('a proof for another URI is refused', 'dpop-proof-uri', DPoP.generateProof(pair, `${origin}/orders/8`, 'GET', undefined, token));
  await refused('a proof for another token is refused', 'dpop-proof-token', DPoP.generateProof(pair, url, 'GET', undefined, await tokenFor(pair)));
  await refused('a proof for no token is refused', 'dpop-proof-malformed', DPoP.generateProof(pair, url, 'GET'));
  const thief = await DPoP.generateKeyPair('ES256');
  await refused('a proof with another key is refused', 'dpop-proof-other-key', DPoP.generateProof(thief, url, 'GET', undefined, token));
  const unbound = await tokenFor();
  await refused('a token that is not bound is refused', 'sender-constraint', DPoP.generateProof(pair, url, 'GET', undefined, unbound), unbound);

  const wary = `${await startGate(echo, { nonce: true })}/orders/7`;
  const first = await ask(wary, token, await DPoP.generateProof(pair, wary, 'GET', undefined, token));
  check('a nonce is given out', first.status === 401 && first.challenge.includes('error="use_dpop_nonce"') && first.nonce, first);
  const second = await ask(wary, token, await DPoP.generateProof(pair, wary, 'GET', first.nonce, token));
  check('and a proof with it passes', second.status === 200, second);
} catch (error) {
  check('the test itself', false, String(error.stack ?? error));
}
echo.close();
process.exit(failed ? 1 : 0);
