// `lychgate serve` with a config, an echo upstream behind it, and a client before it.

import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE = 30_000; // milliseconds

export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// until `holds` gives something true, or patience ends: then false
export async function until(holds, patience = PATIENCE) {
  for (const end = Date.now() + patience; Date.now() < end; await sleep(50)) {
    const held = await holds().catch(() => false);
    if (held) return held;
  }
  return false;
}

export class Gate {
  static async start(trustedIssuers) {
    const gate = new Gate();
    const [port, admin] = [await freePort(), await freePort()];
    gate.address = `http://127.0.0.1:${port}`;
    gate.admin = `http://127.0.0.1:${admin}`;
    gate.folder = mkdtempSync(join(tmpdir(), 'lychgate-oidc-'));
    // however this process ends, nothing of the gate stays behind
    process.once('exit', () => {
      gate.process?.kill('SIGKILL');
      rmSync(gate.folder, { recursive: true, force: true });
    });
    const config = {
      listeners: [{ address: `127.0.0.1:${port}` }],
      admin: { address: `127.0.0.1:${admin}` },
      trusted_issuers: trustedIssuers,
      upstreams: { echo: { endpoints: [await gate.#startEcho()] } },
      routes: [
        { name: 'read-orders', match: { path: '/orders/{id}' }, access: { scopes: { any: ['orders/read'] } }, upstream: 'echo' },
        { name: 'change-orders', match: { path: '/changes/{id}' }, access: { scopes: { any: ['orders/write'] } }, upstream: 'echo' },
      ],
      telemetry: { log: 'info', access_log: 'off' },
    };
    // JSON is YAML
    writeFileSync(join(gate.folder, 'lychgate.yaml'), JSON.stringify(config));
    const log = openSync(join(gate.folder, 'log'), 'a');
    gate.process = spawn(process.env.LYCHGATE, ['serve', '--config', join(gate.folder, 'lychgate.yaml')], { stdio: ['ignore', log, log] });
    gate.ended = new Promise((resolve) => gate.process.once('exit', resolve));
    const doors = [`${gate.admin}/livez`, `${gate.address}/`];
    if (!(await until(() => Promise.all(doors.map((door) => fetch(door)))))) throw new Error(`did not start\n${gate.log()}`);
    return gate;
  }

  async #startEcho() {
    this.echo = http.createServer((request, response) => response.end(JSON.stringify(request.headers)));
    await new Promise((resolve) => this.echo.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${this.echo.address().port}`;
  }

  async ready() {
    return (await fetch(`${this.admin}/readyz`)).ok;
  }

  // what a client gets that sends this token: status, code, challenge, and what the upstream was told
  async ask(token, path = '/orders/7') {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const answer = await fetch(this.address + path, { headers, signal: AbortSignal.timeout(10_000) });
    const body = await answer.json();
    const challenge = answer.headers.get('www-authenticate') ?? '';
    return { status: answer.status, code: body.code, challenge, told: answer.ok ? body : {} };
  }

  async metric(series) {
    const text = await (await fetch(`${this.admin}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return line ? Number(line.split(' ').at(-1)) : undefined;
  }

  log() {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  async stop() {
    this.process.kill('SIGTERM');
    const code = await Promise.race([this.ended, sleep(PATIENCE, 'it did not end', { ref: false })]);
    this.echo.close();
    this.echo.closeAllConnections();
    return code;
  }
}
