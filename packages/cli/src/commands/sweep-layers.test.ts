import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LayerSweep } from '@nlakit/nla';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runIn } from '../../test/support/run-in.js';

let place: string;
const animals = ['dog', 'cat', 'horse', 'bird', 'fish', 'wolf', 'bear', 'goose', 'hen', 'frog'];
const foods = ['bread', 'soup', 'cheese', 'cake', 'rice', 'meat', 'butter', 'sauce', 'pie', 'salad'];

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'nla-sweep-'));
  await writeFile(
    join(place, 'c.yaml'),
    "schema: 1\nname: small\nmodel: { use: '@nlakit/model-gemma4', options: { source: '@nlakit/tiny-gemma4' } }\nquantizer: { use: '@nlakit/ops#plain', options: { dtype: f32 } }\ninjector: { use: '@nlakit/injector-embedding', options: { scale: sqrt_d_model } }\n",
  );
  const lines = [...animals.map((name) => ['animal', name]), ...foods.map((name) => ['food', name])].map(([topic, name]) =>
    JSON.stringify({ text: `${name ?? ''}: a kind of ${topic ?? ''} that people know`, document: name, fields: { topic } }),
  );
  await writeFile(join(place, 'texts.jsonl'), `${lines.join('\n')}\n`);
});
afterAll(() => rm(place, { recursive: true, force: true }));

async function nla(...args: readonly string[]) {
  const { code, out } = await runIn(place, ['sweep-layers', 'c.yaml', ...args, '--json']);
  return { code, json: JSON.parse(out) as LayerSweep & { readonly error?: unknown } };
}

describe('nla sweep-layers', () => {
  it('reads every block of the model over texts of a file, and writes table and figure', async () => {
    const { code, json } = await nla('--texts', 'texts.jsonl', '--permutations', '200', '--out', 'out');
    expect(code).toBe(0);
    expect(json).toMatchObject({ layers: 8, texts: 20, documents: 20, classes: ['animal', 'food'], label: 'topic' });
    // Documents of one text have no sibling at the last token; at drawn positions they have the text's other position.
    expect(json.places.last[0]?.documentTop1).toBeNull();
    expect(json.places.sampled[7]?.documentTop1?.n).toBe(40);
    // What the texts are about differs and everything else in them is alike: the topic is found everywhere, the document nowhere.
    expect(json.aboveChance.last.probe).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(json.aboveChance.sampled.documentTop1).toEqual([]);
    expect(await readdir(join(place, 'out'))).toEqual(['README.md', 'layers.png', 'layers.svg', 'sweep-layers.json']);
    const page = await readFile(join(place, 'out/README.md'), 'utf8');
    expect(page).toContain('topic probe, at the last token');
    expect(page).not.toMatch(/NaN|undefined/);
    const stored = JSON.parse(await readFile(join(place, 'out/sweep-layers.json'), 'utf8')) as LayerSweep;
    expect(stored.places).toEqual(json.places);
  }, 600_000);

  it('says which line of the texts is wrong, and that a config without dataset needs texts', async () => {
    await writeFile(join(place, 'bad.jsonl'), '{"text":"fine"}\n{"txt":1}\n');
    expect(await nla('--texts', 'bad.jsonl')).toMatchObject({ code: 2, json: { error: { code: 'E_SWEEP_TEXTS', line: 2 } } });
    expect(await nla('--texts', 'none.jsonl')).toMatchObject({ code: 2, json: { error: { code: 'E_SWEEP_TEXTS' } } });
    expect(await nla()).toMatchObject({ code: 2, json: { error: { code: 'E_SLOT_MISSING' } } });
    expect(await nla('--rows', 'many')).toMatchObject({ code: 2, json: { error: { code: 'E_USAGE' } } });
  });
});
