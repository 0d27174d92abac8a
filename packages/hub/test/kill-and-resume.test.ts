import { spawn } from 'node:child_process';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startFakeHub } from '@nlakit/conformance/fake-hub';
import { build } from 'esbuild';
import { expect, it, onTestFinished } from 'vitest';

const bytes = 30_000_000;

it('goes on after a process was killed, and lets one of two others do it', async () => {
  const hub = await startFakeHub({
    repositories: [{ id: 'owner/model', files: { 'config.json': '{}', 'model.safetensors': new Uint8Array(bytes).fill(3) } }],
  });
  onTestFinished(() => hub.stop());
  const place = await mkdtemp(join(tmpdir(), 'nla-hub-kill-'));
  const program = join(place, 'hub.mjs');
  const entry = fileURLToPath(new URL('../src/index.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'esm', conditions: ['@nlakit/source'] });
  const cacheFolder = join(place, 'cache');
  const repository = join(cacheFolder, 'models--owner--model');

  const start = () => {
    const options = JSON.stringify({ hubUrl: hub.url, cacheFolder, env: {} });
    const script = `const { pull } = await import(${JSON.stringify(program)}); console.log(JSON.stringify(await pull('owner/model', ${options})));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (piece) => (out += String(piece)));
    const ended = new Promise<string>((done) => child.once('close', () => done(out)));
    return { child, ended };
  };

  // The body stands still near its end, so that the kill finds the process at work.
  hub.fault = ({ path }) => (path.startsWith('/objects/') ? { type: 'stall', afterBytes: bytes - 1_000_000 } : undefined);
  const killed = start();
  await expect.poll(() => hub.contentBytes(), { timeout: 30_000, interval: 50 }).toBeGreaterThan(bytes - 1_000_001);
  killed.child.kill('SIGKILL');
  await killed.ended;
  expect((await readdir(join(repository, 'blobs'))).filter((name) => name.endsWith('.incomplete'))).toHaveLength(1);
  expect(await readdir(join(cacheFolder, '.locks', 'models--owner--model'))).toHaveLength(1);

  hub.fault = undefined;
  hub.clearRequests();
  const results = (await Promise.all([start().ended, start().ended])).map((out) => JSON.parse(out) as { receivedBytes: number });
  const received = results.reduce((sum, result) => sum + result.receivedBytes, 0);
  expect(received).toBe(hub.contentBytes());
  expect(received).toBeLessThanOrEqual(bytes / 2);
  expect((await readdir(join(repository, 'blobs'))).filter((name) => name.endsWith('.incomplete'))).toEqual([]);
  expect(await readdir(join(cacheFolder, '.locks', 'models--owner--model'))).toEqual([]);
});
