import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startFakeHub } from '@nlakit/conformance/fake-hub';
import { modelFolder } from '@nlakit/tiny-gemma4';
import { expect, it, onTestFinished, vi } from 'vitest';
import { presentBackends } from '../backends.js';
import { tolerances } from '../comparisons/references.js';
import { goldenFloats, maxDifference, type GoldenTensor } from '../numbers.js';
import { goldenIds } from '../tiny-model.js';
import { adaptedLogits } from './adapters.js';
import { findPython } from './python.js';
import { nla, runConfig, runSubfolder } from './trained-run.js';

interface Outcome {
  readonly logits: GoldenTensor;
  readonly base: GoldenTensor;
  readonly tensors: number;
  readonly warnings: readonly string[];
}

it('loads in PEFT by the lines of its card what `nla publish` sent to a Hub', { tags: ['python'] }, async (test) => {
  const python = await findPython(['torch', 'transformers', 'peft']);
  if (typeof python === 'string') {
    process.stderr.write(`The published lines for PEFT are not run: ${python}. See scripts/python/README.md.\n`);
    return test.skip(python);
  }
  const token = `hf_${'s'.repeat(34)}`;
  const base: Record<string, Uint8Array> = {};
  for (const name of await readdir(modelFolder)) base[name] = await readFile(path.join(modelFolder, name));
  // transformers computes in the type that the config names; in bfloat16 nothing could be compared closely.
  const config = String(Buffer.from(base['config.json'] ?? [])).replaceAll('"bfloat16"', '"float32"');
  base['config.json'] = Buffer.from(config);
  const hub = await startFakeHub({ tokens: { [token]: { user: 'owner' } }, repositories: [{ id: 'example-org/tiny', files: base }] });
  const place = await mkdtemp(path.join(tmpdir(), 'nlakit-published-'));
  const ofHub = { HF_ENDPOINT: hub.url, HF_TOKEN: token, HF_HUB_CACHE: '', NO_PROXY: '127.0.0.1' };
  for (const [name, value] of Object.entries({ ...ofHub, HF_HOME: path.join(place, 'ours') })) vi.stubEnv(name, value);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await hub.stop();
    await rm(place, { recursive: true, force: true });
  });

  await nla(['pull', 'example-org/tiny'], place);
  await writeFile(path.join(place, 'nla.config.yaml'), runConfig('example-org/tiny'));
  await nla(['run', 'nla.config.yaml', '--run-dir', 'run'], place);
  await nla(['publish', 'run', '--to', 'huggingface', '--repo', 'owner/published'], place);
  const card = String(Buffer.from(hub.repository('owner/published').resolve('main')?.files.get('README.md')?.content ?? []));
  const snippet = /```python\n([\s\S]*?)```/.exec(card)?.[1]?.replace('<this repository>', 'owner/published') ?? '';
  expect(snippet).toContain('AutoModelForCausalLM.from_pretrained("example-org/tiny")');
  expect(snippet).toContain(`subfolder="${runSubfolder}"`);

  hub.clearRequests();
  const environment = {
    ...ofHub,
    HF_HOME: path.join(place, 'theirs'),
    HF_HUB_CACHE: path.join(place, 'theirs/hub'),
    HF_HUB_OFFLINE: '0',
    HF_HUB_DISABLE_XET: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
  };
  const outcome = await python.run<Outcome>('published.py', { snippet, ids: [...goldenIds] }, environment);
  const fetched = hub.requests.filter(({ kind, status }) => kind === 'content' && status === 200).map(({ path: at }) => at);
  expect(fetched.length).toBeGreaterThan(0);
  expect(outcome.warnings).toEqual([]);
  expect(outcome.tensors).toBeGreaterThan(0);
  const logits = goldenFloats(outcome.logits);
  expect(maxDifference(logits, goldenFloats(outcome.base))).toBeGreaterThan(100 * tolerances.logits);
  await (await presentBackends()).present[0]?.start();
  expect(maxDifference(await adaptedLogits(modelFolder, path.join(place, 'run', runSubfolder)), logits)).toBeLessThan(tolerances.logits);
});
