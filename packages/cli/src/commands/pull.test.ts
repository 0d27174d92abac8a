import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startFakeHub } from '@nlakit/conformance/fake-hub';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { runCli } from '../index.js';

describe('nla pull', () => {
  const files = { 'config.json': '{}', 'tokenizer.json': '{}', 'model.safetensors': new Uint8Array(3_000_000), 'README.md': '# R' };
  const adapter = { 'adapter_config.json': '{"r":1}', 'adapter_model.safetensors': new Uint8Array(100), 'nla_meta.yaml': 'schema: 1' };

  async function workplace() {
    const hub = await startFakeHub({
      repositories: [
        { id: 'owner/base', files },
        { id: 'owner/gated', files, gated: 'auto' },
        {
          id: 'owner/nla',
          files: {
            'README.md': 'r',
            ...Object.fromEntries(Object.entries(adapter).map(([name, content]) => [`step_000500/${name}`, content])),
          },
        },
      ],
      tokens: { hf_mine: { user: 'me', reads: ['owner/gated'] } },
    });
    onTestFinished(() => hub.stop());
    const folder = await mkdtemp(join(tmpdir(), 'nla-pull-'));
    for (const name of [
      'HF_TOKEN',
      'HUGGING_FACE_HUB_TOKEN',
      'HF_HUB_CACHE',
      'HUGGINGFACE_HUB_CACHE',
      'HF_HUB_OFFLINE',
      'TRANSFORMERS_OFFLINE',
      'HF_TOKEN_PATH',
    ]) {
      vi.stubEnv(name, '');
    }
    vi.stubEnv('HF_HOME', folder);
    vi.stubEnv('HF_ENDPOINT', hub.url);
    const nla = async (args: readonly string[], signal = new AbortController().signal) => {
      let out = '';
      let error = '';
      const code = await runCli(args, {
        out: (text) => (out += text),
        error: (text) => (error += text),
        terminal: false,
        interactive: false,
        color: false,
        columns: 80,
        cwd: folder,
        signal,
      });
      return { code, out, error };
    };
    return { hub, folder, nla };
  }

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('fetches a base model and says where it is', async () => {
    const { hub, folder, nla } = await workplace();
    const snapshot = join(folder, 'hub', 'models--owner--base', 'snapshots', hub.repository('owner/base').resolve('main')?.oid ?? '');
    const first = await nla(['pull', 'owner/base']);
    expect(first).toMatchObject({ code: 0 });
    expect(first.out.trimEnd().split('\n').at(-1)).toBe(snapshot);
    expect(first.out).toContain('+ model.safetensors  ');
    expect(first.error).toContain('pull');
    const again = await nla(['pull', 'owner/base', '--json']);
    expect(JSON.parse(again.out)).toMatchObject({
      folder: snapshot,
      snapshot,
      receivedBytes: 0,
      files: expect.arrayContaining([expect.objectContaining({ path: 'config.json', bytes: 2, from: 'cache' })]),
    });
  });

  it('fetches an adapter by subfolder, revision and address', async () => {
    const { hub, nla } = await workplace();
    const revision = hub.repository('owner/nla').resolve('main')?.oid ?? '';
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:1');
    const { code, out } = await nla([
      'pull',
      'owner/nla',
      '--subfolder',
      'step_000500',
      '--revision',
      revision,
      '--hub-url',
      hub.url,
      '--json',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      folder: expect.stringMatching(/step_000500$/),
      revision,
      files: expect.arrayContaining([expect.objectContaining({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })]),
    });
  });

  it('fetches a model that then runs by its Hub id, without network', async () => {
    const { hub, nla } = await workplace();
    const source = join(dirname(createRequire(import.meta.url).resolve('@nlakit/tiny-gemma4/package.json')), 'model');
    const names = await readdir(source);
    const contents = await Promise.all(names.map((name) => readFile(join(source, name))));
    hub.add({ id: 'owner/tiny', files: Object.fromEntries(names.map((name, index) => [name, contents[index] ?? ''])) });
    const missing = await nla(['inspect', 'logits', '--model', 'owner/tiny', '--tokens', '2,5']);
    expect(missing).toMatchObject({ code: 2, error: expect.stringContaining('nla pull owner/tiny') });
    expect((await nla(['pull', 'owner/tiny'])).code).toBe(0);
    await hub.stop();
    const logits = await nla(['inspect', 'logits', '--model', 'owner/tiny', '--tokens', '2,5', '--json']);
    expect(logits.code).toBe(0);
    expect(logits.out).toBe((await nla(['inspect', 'logits', '--model', source, '--tokens', '2,5', '--json'])).out);
  });

  it('takes the token from HF_TOKEN or from the variable that is named, never from the command line', async () => {
    const { nla } = await workplace();
    expect(await nla(['pull', 'owner/gated'])).toMatchObject({ code: 2, error: expect.stringContaining('E_HUB_GATED') });
    vi.stubEnv('MINE', 'hf_mine');
    expect(await nla(['pull', 'owner/gated', '--token-from-env', 'MINE'])).toMatchObject({ code: 0 });
    expect(await nla(['pull', 'owner/gated', '--token-from-env', 'OTHER'])).toMatchObject({
      code: 2,
      error: expect.stringContaining('E_USAGE'),
    });
    vi.stubEnv('HF_TOKEN', 'hf_mine');
    expect(await nla(['pull', 'owner/gated', '--include', '*'])).toMatchObject({ code: 0 });
  });

  it('ends with 2 for what is not there, and with 130 when interrupted', async () => {
    const { hub, nla } = await workplace();
    for (const args of [
      ['owner/none'],
      ['base'],
      ['owner/base', '--revision', 'none'],
      ['owner/base', '--subfolder', 'none'],
      ['owner/base', '--type', 'space'],
    ]) {
      expect((await nla(['pull', ...args])).code).toBe(2);
    }
    const controller = new AbortController();
    hub.fault = ({ kind }) => {
      if (kind === 'content') controller.abort();
      return undefined;
    };
    const { code, error } = await nla(['pull', 'owner/base'], controller.signal);
    expect(code).toBe(130);
    expect(error).toContain('goes on where it stopped');
  });
});
