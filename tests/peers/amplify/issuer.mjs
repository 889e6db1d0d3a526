// A lychgate with pools that the peers use, on free ports; and the lines that say what held.

import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const POOL = "us-east-1_Peers1234";
/** A pool that sends codes; they can be read at the operator's door. */
export const CODES_POOL = "us-east-1_Codes1234";
export const CODES_CLIENT = "codesclient123";
export const PASSWORD = "Correct-horse-1";
export const CLIENT = "webclient123";
export const SECRET_CLIENT = "serverclient123";
export const SECRET = "abcdefghijklmnopqrstuvwxyz0123";
const PATIENCE = 60_000; // ms; a busy machine makes keys slowly

let failed = 0;

export function check(name, holds, why = "") {
  if (!holds) failed += 1;
  console.log(`${holds ? "ok" : "not ok"} - ${name}${holds ? "" : `  # ${String(why).slice(0, 300)}`}`);
}

/** The name of the error that the promise must end in. */
export async function refusal(promise) {
  try {
    await promise;
    return "it was let in";
  } catch (error) {
    return error.name ?? error.code ?? String(error);
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const config = (ports, folder) => `
listeners: [{address: "127.0.0.1:${ports.gate}"}]
threads: 1
admin: {address: "127.0.0.1:${ports.admin}"}
upstreams: {app: {endpoints: ["127.0.0.1:9"]}}
routes: [{name: app, match: {path: "/{*rest}"}, upstream: app}]
trusted_issuers: {peers: {issuer: "https://cognito-idp.us-east-1.amazonaws.com/${POOL}", keys: {pool: peers}, client_ids: [${CLIENT}, ${SECRET_CLIENT}]}}
telemetry: {access_log: off, log: warn}
issuer:
  address: 127.0.0.1:${ports.issuer}
  database: "${folder}/issuer.db"
  admin_keys: {AKIDPEER: secret-of-administrators}
  development: true
  pools:
    codes:
      id: ${CODES_POOL}
      issuer: aws
      sign_up: true
      verify: [email]
      clients: {web: {id: ${CODES_CLIENT}, flows: [USER_SRP_AUTH, REFRESH_TOKEN_AUTH, USER_AUTH]}}
    peers:
      id: ${POOL}
      issuer: aws
      sign_up: true
      mfa: optional
      clients:
        web: {id: ${CLIENT}, flows: [USER_PASSWORD_AUTH, USER_SRP_AUTH, REFRESH_TOKEN_AUTH, USER_AUTH]}
        server: {id: ${SECRET_CLIENT}, secret: ${SECRET}}
      users:
        Alice: {password: "${PASSWORD}", attributes: {email: alice@example.com, email_verified: "true"}}
        bob: {password: "${PASSWORD}"}
`;

/** Runs \`lychgate serve\` while \`use\` works with it. */
export async function withIssuer(use) {
  const folder = mkdtempSync(join(tmpdir(), "lychgate-peer-"));
  const ports = { gate: await freePort(), admin: await freePort(), issuer: await freePort() };
  writeFileSync(join(folder, "lychgate.yaml"), config(ports, folder));
  const log = openSync(join(folder, "log.txt"), "w");
  const lychgate = spawn(process.env.LYCHGATE, ["serve", "--config", join(folder, "lychgate.yaml")], { stdio: ["ignore", log, log] });
  try {
    const url = `http://127.0.0.1:${ports.issuer}`;
    await ready(`${url}/${POOL}/.well-known/jwks.json`, lychgate, join(folder, "log.txt"));
    await use({ url, admin: `http://127.0.0.1:${ports.admin}`, poolId: POOL });
  } catch (error) {
    check("the peer runs to its end", false, error.stack ?? error);
  } finally {
    lychgate.kill("SIGTERM");
    await new Promise((resolve) => (lychgate.exitCode === null ? lychgate.once("exit", resolve) : resolve()));
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit(failed ? 1 : 0);
}

async function ready(url, lychgate, log) {
  for (const begun = Date.now(); Date.now() - begun < PATIENCE; ) {
    if (lychgate.exitCode !== null) break;
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`lychgate did not start: ${readFileSync(log, "utf8")}`);
}

/** The code of an authenticator app now (RFC 6238). */
export function totp(secret, at = Date.now()) {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac("sha1", key).update(step).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** Codes count once, and a later one never after an earlier: this one is of the next step, which the window takes. */
export const nextTotp = (secret) => totp(secret, Date.now() + 30_000);
