import type { JsonValue } from '@nlakit/core';
import { checkHeldOut } from '@nlakit/nla/evaluation';
import { createSeedStreams } from '@nlakit/run';
import { describe, expect, it } from 'vitest';
import { direction, goodAv, options, output, rows, run } from './__fixtures__/small-world.js';
import { CONTENT_CHECKS, failedChecks, INTEGRITY_CHECKS, summarizeH5 } from './index.js';
import type { EvaluationFacts, IntegrityCheck, MeasuredRow, StoredRow } from './index.js';
import { storedRows } from './stored-row.js';

const constant = 'topic: animal. a kind of x. last: the. next: it.';
const facts: EvaluationFacts = {
  ids: rows.map(({ id }) => id),
  trainedDocuments: new Set(['trained']),
  injectionScale: 7,
  injections: { scales: new Set([7]), norms: { least: 6.999, greatest: 7.001 } },
  wholeOutput: false,
};
type Plain = Readonly<Record<string, JsonValue>>;
const names = (found: ReturnType<typeof failedChecks>) => found.map(({ check }) => check);

describe('what must not look like success', () => {
  it('a good AV and AR pass every check', async () => {
    const { summary, stored } = await run();
    for (const check of CONTENT_CHECKS) expect(summary.checks[check], check).toBe(true);
    expect(failedChecks({ rows: stored, summary }, facts)).toEqual([]);
  });

  it('an AV that ignores its vector fails AV_READS_VECTOR: no difference to SHUFFLED, whatever its cosine', async () => {
    const { summary } = await run({ av: (vectors) => vectors.map(() => output(constant)) });
    expect(summary.differences.SHUFFLED).toMatchObject({ value: 0, low: 0, high: 0, p: 1, dZ: 0 });
    expect(summary.checks).toMatchObject({ AV_READS_VECTOR: false, AV_SAYS_MORE_THAN_TOKEN: false, AR_READS_TEXT: true });
    expect(summary.outputs.uniqueTexts).toBe(1);
    expect(summary.differences.MEAN?.value).toBeLessThan(0);
  });

  it('an AV that says varied things about nothing fails AV_READS_VECTOR', async () => {
    const said = goodAv(rows.map(({ vector }) => vector));
    // Another document's explanation each time: as varied as a good AV's.
    const { summary } = await run({ av: (vectors) => vectors.map((_, index) => said[(index + 31) % said.length] ?? output(null)) });
    expect(summary.outputs.uniqueTexts).toBeGreaterThan(10);
    expect(summary.checks).toMatchObject({ AV_READS_VECTOR: false, BEATS_CONSTANT: false });
  });

  it('an AR that ignores its text fails AR_READS_TEXT: no difference to anything it reads', async () => {
    const { summary } = await run({ ar: (texts) => texts.map(() => direction('time', 'the')) });
    for (const name of ['SHUFFLED', 'SHUFFLED_SAME_TOKEN', 'EMPTY', 'RANDOM', 'GIBBER', 'GOLD', 'SWAP_TOPIC']) {
      expect(summary.differences[name]?.value, name).toBe(0);
    }
    expect(summary.checks).toMatchObject({ AR_READS_TEXT: false, AV_READS_VECTOR: false });
    expect(summary.retrieval.accuracy).toBeLessThan(0.1);
  });

  it('an AV whose answers come back in another order fails AV_READS_VECTOR', async () => {
    const { summary } = await run({ av: (vectors) => goodAv([...vectors.slice(2), ...vectors.slice(0, 2)]) });
    expect(summary.checks).toMatchObject({ AV_READS_VECTOR: false, AR_READS_TEXT: true });
    expect(summary.differences.MEAN?.high).toBeLessThan(0);
  });

  it('outputs without explanation stay in n, as EMPTY', async () => {
    const { summary, stored } = await run({
      av: (vectors) => goodAv(vectors).map((one, index) => (index % 4 === 0 ? output(null) : one)),
    });
    expect(summary.n).toBe(100);
    expect(summary.outputs).toMatchObject({ extractionRate: 0.75, empty: 25, emptyRate: 0.25 });
    expect(stored[0]?.cosines.AV_OUT).toBe(stored[0]?.cosines.EMPTY);
    expect(summary.unswapped.SWAP_TOPIC).toBe(25);
    expect(failedChecks({ rows: stored, summary }, facts)).toEqual([]);
  });

  it('held-out documents that were trained on are refused', () => {
    expect(() => {
      checkHeldOut(rows, new Set(['held 3']));
    }).toThrow(/1 documents, for instance held 3/);
    expect(() => {
      checkHeldOut(rows, new Set(['other']));
    }).not.toThrow();
  });
});

/** An evaluator with one thing wrong, as its stored evaluation shows it. */
interface Mutant {
  readonly what: string;
  readonly caughtBy: IntegrityCheck;
  /** Changes what was measured, before it is added up. */
  readonly measured?: (all: readonly MeasuredRow[]) => readonly MeasuredRow[];
  /** Changes what is stored, after it was added up. */
  readonly stored?: (all: readonly StoredRow[]) => readonly StoredRow[];
  readonly facts?: Partial<EvaluationFacts>;
}

const mutants: readonly Mutant[] = [
  { what: 'drops empty outputs', caughtBy: 'EVERY_ROW', measured: (all) => all.filter(({ explanation }) => explanation !== '') },
  {
    what: 'drops empty outputs from AV_OUT alone',
    caughtBy: 'EVERY_ROW',
    measured: (all) =>
      all.map((row) => {
        const { AV_OUT: _, ...cosines } = row.cosines;
        return row.explanation === '' ? { ...row, cosines } : row;
      }),
  },
  {
    what: 'gives empty outputs a kinder text',
    caughtBy: 'EMPTY_COUNTS',
    measured: (all) =>
      all.map((row) => (row.explanation === '' ? { ...row, cosines: { ...row.cosines, AV_OUT: row.cosines.GOLD ?? NaN } } : row)),
  },
  {
    what: 'reads the label where it should read the output',
    caughtBy: 'OWN_TEXT',
    measured: (all) =>
      all.map((row) => ({
        ...row,
        texts: { ...row.texts, AV_OUT: row.texts.GOLD ?? '' },
        cosines: { ...row.cosines, AV_OUT: row.cosines.GOLD ?? NaN },
      })),
  },
  {
    what: 'takes the next row of the same document for SHUFFLED',
    caughtBy: 'OTHER_DOCUMENT',
    measured: (all) => all.map((row, index) => ({ ...row, partner: index ^ 1 })),
  },
  {
    what: 'shuffles a row onto itself',
    caughtBy: 'OTHER_DOCUMENT',
    measured: (all) => all.map((row, index) => ({ ...row, partner: index })),
  },
  {
    what: 'names other rows than it takes texts of',
    caughtBy: 'OTHER_DOCUMENT',
    measured: (all) => all.map((row, index) => ({ ...row, partner: (index + 10) % all.length })),
  },
  {
    what: 'takes rows of any token for SHUFFLED_SAME_TOKEN',
    caughtBy: 'OTHER_DOCUMENT',
    measured: (all) =>
      all.map((row) => ({ ...row, tokenPartner: row.partner, texts: { ...row.texts, SHUFFLED_SAME_TOKEN: row.texts.SHUFFLED ?? '' } })),
  },
  { what: 'measures rows that were trained on', caughtBy: 'HELD_OUT', facts: { trainedDocuments: new Set(['held 4']) } },
  {
    what: 'injects with another scale',
    caughtBy: 'SIDECAR_SCALE',
    facts: { injections: { scales: new Set([9]), norms: { least: 9, greatest: 9 } } },
  },
  {
    what: 'injects with two scales',
    caughtBy: 'SIDECAR_SCALE',
    facts: { injections: { scales: new Set([7, null]), norms: { least: 7, greatest: 7 } } },
  },
  {
    what: 'asks for the scale and injects raw vectors',
    caughtBy: 'SIDECAR_SCALE',
    facts: { injections: { scales: new Set([7]), norms: { least: 3, greatest: 90 } } },
  },
  { what: 'injects nothing', caughtBy: 'SIDECAR_SCALE', facts: { injections: { scales: new Set(), norms: null } } },
  {
    what: 'pairs conditions of different rows',
    caughtBy: 'SUMMARY_OF_ROWS',
    stored: (all) =>
      all.map((row, index) => ({ ...row, cosines: { ...row.cosines, GOLD: index === 0 ? 0.123 : (row.cosines.GOLD ?? null) } })),
  },
  { what: 'measures rows in another order', caughtBy: 'EVERY_ROW', stored: (all) => all.toReversed() },
];

describe('an evaluator that', () => {
  it.each(mutants.map((mutant) => [mutant.what, mutant.caughtBy, mutant] as const))('%s is caught by %s', async (_, caughtBy, mutant) => {
    const someEmpty = (vectors: readonly Float32Array[]) => goodAv(vectors).map((one, index) => (index % 4 === 0 ? output(null) : one));
    const { measurement, reference } = await run({ av: someEmpty });
    const changed = { ...measurement, rows: mutant.measured?.(measurement.rows) ?? measurement.rows };
    const complete = { ...changed, rows: changed.rows.map((row) => ({ ...row })) };
    const summary = summarizeH5(complete, reference, options, createSeedStreams(0));
    const stored = storedRows(complete);
    const evaluation = { rows: (mutant.stored?.(stored) ?? stored) as readonly Plain[], summary };
    expect(names(failedChecks(evaluation, { ...facts, ...mutant.facts }))).toContain(caughtBy);
  });

  it('has nothing wrong is not caught, and every check catches some mutant', async () => {
    const { summary, stored } = await run();
    expect(names(failedChecks({ rows: stored, summary }, facts))).toEqual([]);
    expect(new Set(mutants.map(({ caughtBy }) => caughtBy))).toEqual(new Set(INTEGRITY_CHECKS));
  });
});
