import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeHub, type FakeHub } from '@nlakit/conformance/fake-hub';
import { plugin } from '@nlakit/publisher-huggingface';
import type { RunHost } from '@nlakit/run';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fakeConfig, fakeHost } from '../../../run/src/test-support/fake-plugins.js';
import { runCli } from '../index.js';

const token = `hf_${'c'.repeat(34)}`;

describe('nla publish --to huggingface', () => {
  let folder: string;
  let hub: FakeHub;
  const nla = async (...args: readonly string[]): Promise<{ code: number; out: string; error: string }> => {
    let out = '';
    let error = '';
    const fakes = fakeHost({ done: [] });
    const host: RunHost = {
      ...fakes,
      bundled: (specifier) =>
        specifier === '@nlakit/publisher-huggingface'
          ? Promise.resolve({ plugin })
          : (fakes.bundled?.(specifier) ?? Promise.reject(new Error())),
    };
    const io = { terminal: false, interactive: false, color: false, columns: 80, cwd: folder, signal: new AbortController().signal };
    const code = await runCli(args, { ...io, out: (text) => (out += text), error: (text) => (error += text) }, host);
    return { code, out, error };
  };
  const publish = (...args: readonly string[]) =>
    nla('publish', 'here', '--to', 'huggingface', '--repo', 'owner/nla', '--hub-url', hub.url, ...args);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-cli-publish-'));
    hub = await startFakeHub({ tokens: { [token]: { user: 'owner' } } });
    vi.stubEnv('HF_TOKEN', token);
    await writeFile(join(folder, 'nla.config.yaml'), fakeConfig);
    expect((await nla('train', 'nla.config.yaml', '--run-dir', 'here')).code).toBe(0);
    expect((await nla('eval', 'here', '--evaluator', 'h5', '--steps', '2')).code).toBe(0);
    await mkdir(join(folder, 'here/report'));
    await writeFile(join(folder, 'here/report/README.md'), '---\nlicense: apache-2.0\nbase_model: fake/base\n---\n\n# card\n');
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await hub.stop();
  });

  it('plans, publishes privately, and finds everything there', async () => {
    const dry = JSON.parse((await publish('--dry-run', '--private', '--json')).out) as Record<string, unknown>;
    expect(dry).toMatchObject({ dryRun: true, repository: 'owner/nla', destination: `${hub.url}/owner/nla` });
    expect(dry['files']).toContainEqual(
      expect.objectContaining({ path: 'trajectory/step_000002/adapter_model.safetensors', large: true, unchanged: false }),
    );
    expect(hub.has('owner/nla')).toBe(false);

    const done = await publish('--private', '--json');
    expect(done.error).not.toContain('E_');
    expect(JSON.parse(done.out)).toMatchObject({ type: 'done', url: `${hub.url}/owner/nla` });
    const repository = hub.repository('owner/nla');
    expect(repository.private).toBe(true);
    const head = repository.resolve('main');
    const paths = [...(head?.files.keys() ?? [])];
    expect(paths).toContain('README.md');
    expect(paths.filter((path) => path.endsWith('adapter_model.safetensors')).length).toBeGreaterThanOrEqual(3);
    expect(paths.filter((path) => /resume|events|run\.json|manifest|parquet$/.test(path))).toEqual([]);
    for (const path of ['trajectory/step_000002/adapter_model.safetensors', 'trajectory/step_000005/nla_meta.yaml']) {
      expect(Buffer.from(head?.files.get(path)?.content ?? [])).toEqual(await readFile(join(folder, 'here', path)));
    }
    expect([...repository.tags].sort()).toEqual(['latest', 'step-000002', 'step-000004', 'step-000005']);

    const again = await publish('--private', '--dry-run');
    expect(again.out).toMatch(/^= README\.md/m);
    expect(again.out).not.toMatch(/^\+/m);
  });

  it('refuses, with 2, what must not leave', async () => {
    const card = join(folder, 'here/report/README.md');
    const kept = await readFile(card, 'utf8');
    await writeFile(card, `${kept}see /home/someone/run\n`);
    const refused = await publish('--json');
    await writeFile(card, kept);
    expect(refused.code).toBe(2);
    expect(JSON.parse(refused.out)).toMatchObject({ error: { code: 'E_PUBLISH_LEAK', file: 'README.md', line: 7 } });
    expect((await nla('publish', 'here', '--to', 'huggingface', '--hub-url', hub.url, '--json')).out).toContain('E_HUB_ID');
  });
});
