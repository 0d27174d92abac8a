import { expect, it } from 'vitest';
import { expectSameNumbers } from './__fixtures__/expect-same-numbers.js';
import { recomputeSummary } from './__fixtures__/recompute-summary.js';
import { goodAv, options, output, rows, run, type World } from './__fixtures__/small-world.js';

async function summaries(world: World = {}) {
  const given = world.given ?? options;
  const { stored, summary } = await run(world);
  const { seedName, bootstrap, permutations, form, dialect } = given;
  const provenance = { statistics: { seed: 0, seedName, bootstrap, permutations }, form, dialect };
  const evaluation = JSON.parse(JSON.stringify({ rows: stored, summary, provenance })) as Parameters<typeof recomputeSummary>[0];
  return { summary: evaluation.summary, again: recomputeSummary(evaluation), evaluation };
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
  const { summary, again } = await summaries(world);
  expectSameNumbers(summary, again);
});

it('notices a cosine changed by a millionth', async () => {
  const { summary, evaluation } = await summaries();
  const [first, ...others] = evaluation.rows;
  if (first === undefined) throw new Error('no rows');
  const changed = { ...first, cosines: { ...first.cosines, GOLD: (first.cosines.GOLD ?? 0) + 1e-6 } };
  expect(() => {
    expectSameNumbers(summary, recomputeSummary({ ...evaluation, rows: [changed, ...others] }));
  }).toThrow(/GOLD/);
});
