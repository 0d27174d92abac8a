import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeHub, type FakeHub } from '@nlakit/conformance/fake-hub';
import { plugin } from '@nlakit/publisher-huggingface';
import type { RunHost } from '@nlakit/run';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { foreignRow, foreignSidecar } from '../../../dataset/src/__fixtures__/foreign-rows.js';
import { writeSplit } from '../../../dataset/src/index.js';
import { fakeConfig, fakeHost } from '../../../run/src/test-support/fake-plugins.js';
import { runIn } from '../../test/support/run-in.js';

const token = `hf_${'c'.repeat(34)}`;

/** Two small files of rows, by name. */
async function writeTinyData(folder: string): Promise<readonly string[]> {
  const rows = (count: number) => Array.from({ length: count }, (_, row) => foreignRow('kitft', 'av_sft', row, 3));
  await writeSplit(folder, 'avSft', rows(4), foreignSidecar('av_sft', 4, 3));
  await writeSplit(folder, 'heldOut', rows(2), foreignSidecar('held_out', 2, 3));
  return ['av_sft.parquet', 'held_out.parquet'];
}

describe('nla publish --to huggingface', () => {
  let folder: string;
  let hub: FakeHub;
  const nla = (...args: readonly string[]): Promise<{ code: number; out: string; error: string }> => {
    const fakes = fakeHost({ done: [] });
    const host: RunHost = {
      ...fakes,
      bundled: (specifier) =>
        specifier === '@nlakit/publisher-huggingface'
          ? Promise.resolve({ plugin })
          : (fakes.bundled?.(specifier) ?? Promise.reject(new Error())),
    };
    return runIn(folder, args, host);
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

  it('publishes the data of a run as a dataset, which can be pulled', async () => {
    const files = await writeTinyData(join(folder, 'here/data'));
    const args = [
      'publish',
      'here',
      '--data',
      '--license',
      'cc0-1.0',
      '--to',
      'huggingface',
      '--repo',
      'owner/nla-data',
      '--hub-url',
      hub.url,
    ];
    const done = await nla(...args, '--json');
    expect(done.error).not.toContain('E_');
    expect(done.code).toBe(0);
    const head = hub.repository('owner/nla-data', 'dataset').resolve('main');
    expect([...(head?.files.keys() ?? [])].sort()).toEqual(
      expect.arrayContaining(['README.md', ...files.flatMap((name) => [`data/${name}`, `data/${name}.nla_meta.yaml`])]),
    );
    expect(Buffer.from(head?.files.get('README.md')?.content ?? []).toString()).toMatchInlineSnapshot(`
      "---
      license: cc0-1.0
      language: en
      pretty_name: fake-run
      size_categories:
        - n<1K
      tags:
        - natural-language-autoencoder
        - nla
        - interpretability
        - activations
        - research-artifact
      configs:
        - config_name: default
          data_files:
            - split: av_sft
              path: data/av_sft.parquet
            - split: held_out
              path: data/held_out.parquet
      ---

      # fake-run

      Activations of tiny, read behind block 5, with the words that explain them: training data for a natural language autoencoder. Vectors are raw (\`norm: none\`), 3 numbers of 32 bits each.

      | file | split | rows | bytes | sha256 |
      |---|---|---:|---:|---|
      | \`data/av_sft.parquet\` | av_sft | 4 | 2036 | \`a7f7408697531eb4ffc05093ef2704342b1afe469f402bbf52c4b5835b57f003\` |
      | \`data/held_out.parquet\` | held_out | 2 | 1989 | \`e682e174c5c197014ebb62a5c75bbef60a9690fa4284062d844457e436af277b\` |

      Each file has its \`.nla_meta.yaml\` beside it: base model, layer, marker, templates, and what the rows were made from.

      ## Reading it

      \`\`\`python
      from datasets import load_dataset
      data = load_dataset("owner/nla-data")
      \`\`\`

      With nlakit: \`nla pull owner/nla-data --type dataset\`, then name the files in the options of \`@nlakit/dataset-parquet\`.

      ## Facts

      - dataset: \`tiny_av_sft\`
      - median norm of the vectors: 4.602
      - marker: \`㈎\` (token 9)

      ## Limits

      - Explanations are labels: what somebody, a rule or a model, wrote of the text. They are not what the activation holds.
      - \`held_out\` shares no document with the other splits. Do not train on it.
      - Texts keep the licence of their corpus.
      "
    `);
    const pulled = await nla('pull', 'owner/nla-data', '--type', 'dataset', '--hub-url', hub.url, '--json');
    const { folder: place } = JSON.parse(pulled.out) as { readonly folder: string };
    expect(await readFile(join(place, 'data', files[0] ?? ''))).toEqual(await readFile(join(folder, 'here/data', files[0] ?? '')));
    expect(await nla('publish', 'here', '--license', 'mit', '--to', 'huggingface')).toMatchObject({ code: 2 });
    for (const name of files) await rm(join(folder, 'here/data', name));
    expect((await nla(...args, '--json')).out).toContain('E_DATA_MISSING');
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
