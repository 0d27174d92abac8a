import { appendFile, cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startFakeHub } from '@nlakit/conformance/fake-hub';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { runIn } from '../../test/support/run-in.js';

const bundledModel = join(dirname(createRequire(import.meta.url).resolve('@nlakit/tiny-gemma4/package.json')), 'model');

describe('nla explain', { tags: ['slow'], timeout: 180_000 }, () => {
  let folder: string;
  const nla = (...args: readonly string[]): Promise<{ code: number; out: string; error: string }> => {
    return runIn(folder, args);
  };
  const say = ['--text', 'oak: a large evergreen tree', '--max-new', '12', '--json'];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-explain-'));
    expect((await nla('init', '.', '--name', 'small')).code).toBe(0);
    // The model lies in a folder, so that its card and its weights can be changed.
    await cp(bundledModel, join(folder, 'model'), { recursive: true });
    const config = (await readFile(join(folder, 'nla.config.yaml'), 'utf8')).replace('"@nlakit/tiny-gemma4"', './model');
    await writeFile(join(folder, 'nla.config.yaml'), config);
    const small = ['dataset.options.rowsPerTopic=2', 'dataset.options.heldOutPerTopic=1', 'trainers.ar.options.steps=1'];
    small.push(
      'trainers.av.options.steps=2',
      'trainers.av.options.saveEvery=1',
      'evaluators.h5.options.rows=4',
      'evaluators.h5.options.at=[2]',
    );
    const made = await nla('run', 'nla.config.yaml', ...small.flatMap((value) => ['--set', value]));
    expect(made.error).not.toMatch(/\bE_/);
    expect(made.code).toBe(0);
  }, 180_000);

  it('shows the token, the explanation, and the cosine beside what a constant reaches', async () => {
    const { code, out } = await nla('explain', 'runs/small', ...say.slice(0, -1));
    expect(code).toBe(0);
    expect(out).toMatch(/^text +oak: a large evergreen\[ tree\]\nread at +token \d+ " tree", output of block 5\nexplanation /);
    expect(out).toMatch(/\ncosine +-?0\.\d{3} \(the best constant vector: 0\.\d{3} on average\)\n/);
  });

  it('says the same from the run, from its release, and from a step of the release', async () => {
    expect((await nla('publish', 'runs/small', '--to', 'directory', '--repo', 'me/small')).code).toBe(0);
    const fromRun = JSON.parse((await nla('explain', 'runs/small', ...say)).out) as object;
    expect(fromRun).toMatchObject({
      token: ' tree',
      step: 2,
      reconstructorStep: 1,
      cos: expect.any(Number),
      constantCos: expect.any(Number),
    });
    for (const place of ['published/me/small', 'published/me/small/trajectory/step_000002']) {
      const { out, error } = await nla('explain', place, '--model', './model', ...say);
      expect(JSON.parse(out)).toEqual(fromRun);
      expect(error).not.toContain('W_MODEL_CHANGED');
    }
    const first = await nla('explain', 'published/me/small/trajectory/step_000001', '--model', './model', ...say);
    expect(JSON.parse(first.out)).toMatchObject({ step: 1 });
  });

  it('says the same from the Hub, by revision and subfolder, and without a reconstructor only the words', async () => {
    const token = `hf_${'d'.repeat(34)}`;
    const hub = await startFakeHub({ tokens: { [token]: { user: 'me' } } });
    for (const [name, value] of Object.entries({ HF_ENDPOINT: hub.url, HF_TOKEN: token, HF_HUB_CACHE: '', HF_HOME: join(folder, 'hf') })) {
      vi.stubEnv(name, value);
    }
    try {
      // The base model of this run is a folder, which nobody else has.
      const base = ['--set', 'publisher.options.baseModel=me/base'];
      const sent = await nla('publish', 'runs/small', '--to', 'huggingface', '--repo', 'me/small', ...base);
      expect(sent.error).not.toMatch(/\bE_/);
      const fromRun = JSON.parse((await nla('explain', 'runs/small', ...say)).out) as object;
      const fromHub = await nla('explain', 'me/small', '--model', './model', ...say);
      expect(JSON.parse(fromHub.out)).toEqual(fromRun);
      const older = await nla('explain', 'me/small@step-000001', '--subfolder', 'trajectory/step_000001', '--model', './model', ...say);
      expect(JSON.parse(older.out)).toMatchObject({ step: 1 });
      await cp(join(folder, 'published/me/small/trajectory/step_000002'), join(folder, 'alone'), { recursive: true });
      const alone = await nla('explain', 'alone', '--model', './model', ...say);
      expect(JSON.parse(alone.out)).toMatchObject({ cos: null, step: null, reconstructorStep: null });
      expect(alone.error).toContain('W_NO_RECONSTRUCTOR');
      const paired = await nla('explain', 'alone', '--ar', 'me/small:reconstructor/step_000001', '--model', './model', ...say);
      expect(JSON.parse(paired.out)).toMatchObject({ cos: (fromRun as { readonly cos: number }).cos, reconstructorStep: 1 });
      const missing = await nla('explain', 'me/small', ...say);
      expect(missing).toMatchObject({ code: 2, out: expect.stringContaining('nla pull me/base') });
    } finally {
      vi.unstubAllEnvs();
      await hub.stop();
    }
  });

  it('states the licence of the base model on the card', async () => {
    expect(await readFile(join(folder, 'runs/small/report/README.md'), 'utf8')).toMatch(/^---\nlicense: apache-2\.0\n/);
  });

  it('refuses a run whose model has changed, and warns for a release', async () => {
    await appendFile(join(folder, 'model/tokenizer.json'), '\n');
    const refused = await nla('explain', 'runs/small', ...say);
    expect(refused.code).toBe(2);
    expect(refused.out).toContain('E_MODEL_CHANGED');
    const warned = await nla('explain', 'published/me/small', '--model', './model', ...say);
    expect(warned).toMatchObject({ code: 0, error: expect.stringContaining('W_MODEL_CHANGED') });
  });

  it('refuses what it cannot read an activation from', async () => {
    for (const wrong of [
      ['--text', ' '],
      ['--text', 'a', '--position', '9'],
      ['--vector', 'nope.safetensors#x'],
      [],
      ['--text', 'a', '--vector', 'b'],
    ]) {
      expect((await nla('explain', 'runs/small', ...wrong, '--model', '@nlakit/tiny-gemma4')).code).toBe(2);
    }
    expect((await nla('explain', 'runs/small/reconstructor/step_000001', '--text', 'a')).code).toBe(2);
    expect((await nla('explain', '.', '--text', 'a', '--json')).out).toContain('E_RUN_MISSING');
  });
});
