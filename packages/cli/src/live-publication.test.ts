import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startFakeHub, type FakeHub } from '@nlakit/conformance/fake-hub';
import { definePlugin, NlaError, type PublishEvent } from '@nlakit/core';
import { huggingFacePublisher, plugin } from '@nlakit/publisher-huggingface';
import type { RunHost } from '@nlakit/run';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeConfig, fakeHost } from '../../run/src/test-support/fake-plugins.js';
import { runIn } from '../test/support/run-in.js';

const token = `hf_${'c'.repeat(34)}`;
const stepFile = (step: number) => `trajectory/step_00000${step}/adapter_model.safetensors`;

describe('publishing while training', () => {
  let folder: string;
  let hub: FakeHub;
  /** How often publishing fails before it works. */
  let failures = 0;

  /** The publisher of the Hub, which fails as often as is asked. */
  const flaky = definePlugin({
    kind: 'publisher',
    name: '@test/flaky',
    version: '1.0.0',
    optionsSchema: plugin.optionsSchema,
    create: (options) => {
      const real = huggingFacePublisher(options);
      return {
        ...real,
        async *publish(plan, signal): AsyncIterable<PublishEvent> {
          if (failures > 0) {
            failures -= 1;
            throw new NlaError('E_HUB_UNREACHABLE', { message: 'The Hub does not answer.' });
          }
          yield* real.publish(plan, signal);
        },
      };
    },
  });
  const nla = (...args: readonly string[]) => {
    const fakes = fakeHost({ done: [] });
    const host: RunHost = {
      ...fakes,
      bundled: (name) =>
        name === '@test/flaky' ? Promise.resolve({ plugin: flaky }) : (fakes.bundled?.(name) ?? Promise.reject(new Error())),
    };
    return runIn(folder, args, host);
  };
  const pathsOf = (id: string) => [...(hub.repository(id).resolve('main')?.files.keys() ?? [])];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-live-'));
    hub = await startFakeHub({ tokens: { [token]: { user: 'owner' } } });
    vi.stubEnv('HF_TOKEN', token);
    await writeFile(
      join(folder, 'nla.config.yaml'),
      fakeConfig.replace('"@fake/publisher"', `"@test/flaky", options: { hubUrl: "${hub.url}", private: true }`),
    );
  });
  beforeEach(() => {
    failures = 0;
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await hub.stop();
  });

  it('has every checkpoint and the card on the Hub when the run ends', async () => {
    const { code, error } = await nla('run', 'nla.config.yaml', '--run-dir', 'whole', '--live', 'owner/whole');
    expect(error).not.toMatch(/E_|W_PUBLISH_LIVE/);
    expect(code).toBe(0);
    expect(error).toMatch(/live: 3 checkpoints, 3 evaluations at .*owner\/whole/);
    expect(pathsOf('owner/whole')).toEqual(expect.arrayContaining([2, 4, 5].map(stepFile)));
    const card = hub.repository('owner/whole').resolve('main')?.files.get('README.md')?.content;
    expect(Buffer.from(card ?? [])).toEqual(await readFile(join(folder, 'whole/report/README.md')));
    expect(Buffer.from(card ?? []).toString()).not.toContain('may still grow');
  });

  it('goes on training where publishing fails, and catches up', async () => {
    failures = 1;
    const { code, error } = await nla('train', 'nla.config.yaml', '--run-dir', 'flaky', '--live', 'owner/flaky');
    expect(error).toContain('W_PUBLISH_LIVE');
    expect(error).toContain('E_HUB_UNREACHABLE');
    expect(code).toBe(0);
    expect(pathsOf('owner/flaky')).toEqual(expect.arrayContaining([2, 4, 5].map(stepFile)));
  });

  it('fails in the end where nothing could be published, with the run whole', async () => {
    failures = 99;
    const { code, out } = await nla('train', 'nla.config.yaml', '--run-dir', 'lost', '--live', 'owner/lost', '--json');
    expect(code).toBe(1);
    expect(out).toContain('E_HUB_UNREACHABLE');
    failures = 0;
    expect(await nla('publish', 'lost', '--to', '@test/flaky', '--repo', 'owner/lost', '--live')).toMatchObject({ code: 0 });
    expect(pathsOf('owner/lost')).toContain(stepFile(5));
  });

  it('needs a publisher before it trains', async () => {
    await writeFile(join(folder, 'bare.yaml'), fakeConfig.replace(/^publisher.*$/m, ''));
    const { code, out } = await nla('train', 'bare.yaml', '--run-dir', 'bare', '--live', '--json');
    expect([code, out]).toEqual([2, expect.stringContaining('E_SLOT_MISSING')]);
    await expect(readFile(join(folder, 'bare', stepFile(2)))).rejects.toThrow();
  });

  it('follows another process, step by step, until that ends', async () => {
    expect((await nla('train', 'nla.config.yaml', '--run-dir', 'other', '--until-step', '4')).code).toBe(0);
    expect((await nla('train', 'nla.config.yaml', '--run-dir', 'finished')).code).toBe(0);
    const worker = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const holder = { pid: worker.pid, host: hostname(), since: new Date().toISOString(), process: null };
    await writeFile(join(folder, 'other/run.lock'), JSON.stringify(holder));
    const following = nla('publish', 'other', '--to', '@test/flaky', '--repo', 'owner/other', '--live', '--json');
    await vi.waitFor(() => expect(pathsOf('owner/other')).toContain('README.md'), { timeout: 20_000 });
    expect(pathsOf('owner/other')).not.toContain(stepFile(5));
    const early = hub.repository('owner/other').resolve('main')?.files.get('README.md')?.content;
    expect(Buffer.from(early ?? []).toString()).toContain('may still grow');
    await cp(join(folder, 'finished/trajectory/step_000005'), join(folder, 'other/trajectory/step_000005'), { recursive: true });
    await vi.waitFor(() => expect(pathsOf('owner/other')).toContain(stepFile(5)), { timeout: 20_000 });
    worker.kill('SIGKILL');
    await wait(50);
    const { code, out } = await following;
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ live: true, steps: [2, 4, 5] });
  });
});
