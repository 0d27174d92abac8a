import { recheck } from '@nlakit/recheck';
import { expect, it } from 'vitest';
import { goodAv, options, output, rows, run, type World } from './__fixtures__/small-world.js';

async function evaluationOf(world: World = {}) {
  const given = world.given ?? options;
  const { stored, summary } = await run(world);
  const { seedName, bootstrap, permutations, form, dialect } = given;
  const provenance = { statistics: { seed: 0, seedName, bootstrap, permutations }, form, dialect };
  return JSON.parse(JSON.stringify({ evaluator: '@nlakit/evaluator-h5', rows: stored, summary, provenance })) as {
    readonly rows: readonly { readonly cosines: Readonly<Record<string, number>> }[];
  };
}

const halfEmpty = (vectors: readonly Float32Array[]) => goodAv(vectors).map((one, index) => (index % 3 === 0 ? output(null) : one));
const lonely = rows.map((row, index) => (index < 20 ? { ...row, token: `unique ${index}` } : row));

it.each<[string, World]>([
  ['a good AV', {}],
  ['outputs without explanation and tokens without partner', { av: halfEmpty, measured: lonely }],
  ['the dialect of published tables', { av: halfEmpty, given: { ...options, dialect: 'solshine' } }],
  ['so few rows that all sign assignments are tried', { measured: rows.slice(0, 16) }],
  ['an AV that says one thing', { av: (vectors) => vectors.map(() => output('topic: time. a kind of x. last: the. next: it.')) }],
])('every number of the summary comes out of the stored rows again: %s', async (_, world) => {
  const found = recheck(await evaluationOf(world));
  expect(found).toMatchObject({ kind: 'h5', differences: [], notComputed: [] });
  expect(found?.checked).toBeGreaterThan(200);
});

it('notices a cosine changed by a millionth', async () => {
  const evaluation = await evaluationOf();
  const [first, ...others] = evaluation.rows;
  const changed = { ...first, cosines: { ...first?.cosines, GOLD: (first?.cosines['GOLD'] ?? 0) + 1e-6 } };
  const found = recheck({ ...evaluation, rows: [changed, ...others] });
  expect(found?.differences.map(({ path }) => path)).toContain('conditions.GOLD.cosine.value');
  expect(found?.differences.every(({ path }) => /GOLD|AR_READS/.test(path))).toBe(true);
});
