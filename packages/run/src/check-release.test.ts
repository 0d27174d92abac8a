import { mkdtemp, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Release, ReleaseFile } from '@nlakit/core';
import { writeSafetensors } from '@nlakit/safetensors';
import { describe, expect, it } from 'vitest';
import { checkRelease, checkReleasePath, isPublicModelName } from './check-release.js';
import { findLeaks } from './find-leaks.js';

const strict = { corpusRows: false, publicBase: true };

const release = (files: readonly ReleaseFile[]): Release => ({ repository: 'owner/name', baseModel: 'google/base', files, metadata: {} });
const texts = (files: Record<string, string>): Release =>
  release(Object.entries(files).map(([path, content]) => ({ path, source: { content } })));

describe('findLeaks', () => {
  it.each([
    ['a path of this machine', '/home/someone/x.bin'],
    ['a path of this machine', 'C:\\Users\\me\\x'],
    ['a private bucket', 's3://bucket/x'],
    ['a Hugging Face token', `hf_${'a'.repeat(34)}`],
    ['an API key', `sk-${'b'.repeat(40)}`],
    ['a GitHub token', `ghp_${'c'.repeat(36)}`],
    ['a GitHub token', `github_pat_${'1'.repeat(40)}`],
    ['an access key of AWS', 'AKIAABCDEFGHIJKLMNOP'],
    ['a secret key of AWS', `aws_secret_access_key = ${'d'.repeat(40)}`],
    ['a Google API key', `AIza${'e'.repeat(35)}`],
    ['a Slack token', 'xoxb-1234567890-abc'],
    ['credentials in an address', 'https://user:secret@example.org/x'],
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----'],
    ['a name of an internal host', 'trained on gpu-07.cluster.internal'],
    ['a name of an internal host', 'http://build.lan/x'],
    ['an address of an internal host', 'http://10.1.2.3/x'],
    ['an address of an internal host', '192.168.0.7:8080'],
  ])('finds %s', (what, text) => {
    const [leak, ...more] = findLeaks(`first\nbefore ${text} after`);
    expect({ what: leak?.what, line: leak?.line, more: more.length }).toEqual({ what, line: 2, more: 0 });
  });

  it('shows no secret whole', () => {
    for (const token of [`hf_${'a'.repeat(34)}`, `aws_secret_access_key=${'d'.repeat(40)}`, 'https://user:secret@example.org']) {
      expect(findLeaks(token).some(({ found }) => token.includes(found.slice(0, -1)) && found.length > 22)).toBe(false);
    }
  });

  it('passes texts that only look like it', () => {
    const innocent =
      'see https://huggingface.co/home/x, and/or ./tmp/file, hf_transfer, /v1/models, a:/b, sk-learn, Node 20.10.192.168, ' +
      'version 10.0.0.1, the internal state, e.g. a lan. @nlakit/core, 10:30, mailto: me@example.org';
    expect(findLeaks(innocent)).toEqual([]);
  });

  it('finds names it is given, as whole words', () => {
    expect(findLeaks('on worker-17a, not worker-17', [], ['worker-17'])).toEqual([
      { what: 'the name of this machine', found: 'worker-17', line: 1 },
    ]);
  });
});

describe('checkRelease', () => {
  it('measures what may leave', async () => {
    const files = await checkRelease(
      texts({
        'README.md': 'ä\n',
        'trajectory/step_000050/adapter_config.json': '{"base_model_name_or_path": "google/gemma-4-E2B"}',
      }),
      strict,
    );
    expect(files.map(({ path, bytes }) => [path, bytes])).toEqual([
      ['README.md', 3],
      ['trajectory/step_000050/adapter_config.json', 49],
    ]);
    expect(files[0]?.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    'resume/av/step_000050/state.safetensors',
    'optimizer.safetensors',
    'step_000050/scheduler.pt',
    'trainer_state.json',
    'weights.pt',
    'pytorch_model.bin',
    '.env.local',
    'certs/server.key',
    '.git/config',
    'data/held_out.parquet',
    'rows.jsonl',
  ])('refuses %s by its name', async (path) => {
    await expect(checkRelease(texts({ [path]: 'x' }), strict)).rejects.toMatchObject({ code: 'E_PUBLISH_LEAK', details: { file: path } });
  });

  it('lets rows pass where they are asked for', async () => {
    expect(await checkRelease(texts({ 'rows.jsonl': '{}' }), { corpusRows: true, publicBase: true })).toHaveLength(1);
  });

  it('names every refusal with file and line, in one error', async () => {
    const token = `hf_${'a'.repeat(34)}`;
    const wrong = texts({ 'a.md': `ok\n${token}`, 'b.yaml': 'x: 1\ny: 2\npath: /home/someone/x\n', 'c.pt': '' });
    const error: unknown = await checkRelease(wrong, strict).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'E_PUBLISH_LEAK', details: { file: 'a.md', line: 2 } });
    const text = String(error);
    for (const part of [
      'a.md:2 holds a Hugging Face token',
      'b.yaml:3 holds a path of this machine: /home/someone/x',
      'c.pt is a pickle',
    ]) {
      expect(text).toContain(part);
    }
    expect(text).not.toContain(token);
  });

  it('wants a base model that others can find', async () => {
    const config = (base: unknown) => texts({ 's/adapter_config.json': JSON.stringify({ r: 1, base_model_name_or_path: base }, null, 1) });
    for (const base of ['./model', '../m', '', null, 'a/b/c', '~/m', 'C:\\m']) {
      await expect(checkRelease(config(base), strict)).rejects.toMatchObject({ code: 'E_PUBLISH_LEAK', details: { line: 3 } });
    }
    for (const base of ['google/gemma-4-E2B', '@nlakit/tiny-gemma4', 'gpt2']) expect(isPublicModelName(base)).toBe(true);
    expect(await checkRelease(config('./model'), { ...strict, publicBase: false })).toHaveLength(1);
  });

  it('looks into the header of safetensors, not into the weights', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nla-check-'));
    const tensors = (name: string) => [[name, { dtype: 'F32', shape: [1], data: new Float32Array(1) }]] as const;
    const write = async (file: string, name: string, metadata: Record<string, string>): Promise<ReleaseFile> => {
      await writeSafetensors(join(folder, file), tensors(name), metadata);
      return { path: file, source: { file: join(folder, file) } };
    };
    const path = await write('a.safetensors', 'w', { source: '/home/someone/run' });
    await expect(checkRelease(release([path]), strict)).rejects.toThrow('holds a path of this machine');
    const moment = await write('b.safetensors', 'w.exp_avg', { format: 'pt' });
    await expect(checkRelease(release([moment]), strict)).rejects.toThrow('holds an optimizer state');
    const fine = await write('c.safetensors', 'w.lora_A.weight', { format: 'pt' });
    await writeFile(join(folder, 'd.safetensors'), 'too short');
    expect(
      await checkRelease(release([fine, { path: 'd.safetensors', source: { file: join(folder, 'd.safetensors') } }]), strict),
    ).toHaveLength(2);
  });

  it('refuses paths that lead out, and the same path twice', async () => {
    for (const path of ['../x', '/etc/passwd', 'a/../../x', '', 'a\\b', './a', 'a//b']) {
      expect(() => {
        checkReleasePath(path);
      }).toThrow();
    }
    const twice = release([
      { path: 'a', source: { content: '' } },
      { path: 'a', source: { content: '' } },
    ]);
    await expect(checkRelease(twice, strict)).rejects.toMatchObject({ code: 'E_PUBLISH_PATH' });
    await expect(checkRelease(release([{ path: 'a', source: { file: '/nowhere/a' } }]), strict)).rejects.toMatchObject({
      code: 'E_PUBLISH_FILE',
    });
  });

  it('knows the name of this machine if it is one', async () => {
    const name = hostname();
    if (name.length >= 8 && /[\d.-]/.test(name)) {
      await expect(checkRelease(texts({ 'a.md': `on ${name}` }), strict)).rejects.toThrow('the name of this machine');
    }
  });
});
