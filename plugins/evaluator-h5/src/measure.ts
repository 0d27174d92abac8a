import type { JsonValue, Logger, NlaRow, RandomStream, SeedStreams, Warning } from '@nlakit/core';
import { cosine, derangement, norm } from '@nlakit/metrics';
import type { Explanation, Reconstructor, Verbalizer } from '@nlakit/nla';
import { CONDITIONS } from './conditions.js';
import type { ConditionName } from './conditions.js';
import { gibberish, UNRELATED_SENTENCES } from './control-texts.js';
import type { H5Options } from './options.js';
import { swapParts } from './swap-parts.js';
import type { TrainingReference } from './training-reference.js';

/** Everything measured on one row. */
export interface MeasuredRow {
  readonly row: NlaRow;
  readonly output: Explanation;
  /** The text the AR was given for AV_OUT: the explanation, or nothing where the output holds none. */
  readonly explanation: string;
  /** Index of the row whose explanation SHUFFLED and the swaps take. */
  readonly partner: number;
  readonly cosines: Readonly<Partial<Record<ConditionName, number>>>;
  /** Place of the row's own vector among all rows' vectors, by cosine to the reconstruction from its AV text; 1 is best. */
  readonly retrievalRank: number;
  /** Mean cosine of that reconstruction to the other rows' vectors. */
  readonly offDiagonal: number;
}

/** All rows, with what is not a matter of single rows. */
export interface Measurement {
  readonly rows: readonly MeasuredRow[];
  readonly conditions: readonly ConditionName[];
  readonly texts: Readonly<Record<'TEMPLATE' | 'ZERO_INJECTION', string>>;
  /** Rows whose text could not be swapped, by condition. */
  readonly unswapped: Readonly<Record<string, number>>;
  readonly warnings: readonly Warning[];
}

/** What {@link measure} works with. */
export interface MeasureParts {
  readonly rows: readonly NlaRow[];
  readonly reference: TrainingReference;
  readonly verbalizer: Pick<Verbalizer, 'explain'>;
  readonly reconstructor: Pick<Reconstructor, 'reconstruct'>;
  readonly options: H5Options;
  readonly seeds: SeedStreams;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** At most that many different random directions and nonsense texts; rows share them in turn. */
const controlVariants = 64;

/** Runs AV and AR over all conditions. Every vector goes through the AV once and every text through the AR once. */
export async function measure(parts: MeasureParts): Promise<Measurement> {
  const { rows, options, seeds } = parts;
  const stream = (name: string) => seeds.stream(`${options.seedName}.${name}`);
  const outputs = await explain(
    parts,
    rows.map((row) => row.vector),
    'AV_OUT',
  );
  const [mean, zero] = await explain(parts, constantVectors(parts), 'TEMPLATE and ZERO_INJECTION');
  const directions = await explain(parts, randomDirections(parts, stream('directions')), 'RANDOM_DIRECTION');

  const documents = rows.map((row) => row.documentId);
  const shuffle = stream('shuffle');
  const partners = derangement(documents, () => shuffle.uniform());
  const own = outputs.map(textOf);
  const texts: Partial<Record<ConditionName, readonly string[]>> = {
    AV_OUT: own,
    SHUFFLED: partners.map((partner) => own[partner] ?? ''),
    EMPTY: rows.map(() => ''),
    RANDOM: cycle(stream('unrelated').shuffle(UNRELATED_SENTENCES), rows.length),
    GIBBER: cycle(gibberish(Math.min(controlVariants, rows.length), stream('gibberish')), rows.length),
    TEMPLATE: rows.map(() => textOf(mean)),
    ZERO_INJECTION: rows.map(() => textOf(zero)),
    RANDOM_DIRECTION: cycle(directions.map(textOf), rows.length),
  };
  const unswapped: Record<string, number> = {};
  const warnings: Warning[] = [];
  const addSwaps = (base: readonly string[], topic: ConditionName, last: ConditionName) => {
    const byTopic = swapParts(base, partners, documents, ['topic', 'hypernym']);
    const byLast = swapParts(base, partners, documents, ['last']);
    if (byTopic.unswapped === rows.length) return;
    texts[topic] = byTopic.texts;
    texts[last] = byLast.texts;
    unswapped[topic] = byTopic.unswapped;
    unswapped[last] = byLast.unswapped;
  };
  addSwaps(own, 'SWAP_TOPIC', 'SWAP_LAST');
  const labelled = rows.flatMap((row) => (row.explanation === undefined ? [] : [row.explanation]));
  if (labelled.length === rows.length) {
    texts.GOLD = labelled;
    addSwaps(labelled, 'GOLD_SWAP_TOPIC', 'GOLD_SWAP_LAST');
  } else {
    warnings.push({
      code: 'W_H5_UNLABELLED',
      message: `GOLD is left out: ${rows.length - labelled.length} of ${rows.length} rows have no label.`,
    });
  }

  const vectors = await reconstruct(parts, Object.values(texts).flat());
  const meanUnit = parts.reference.baselines.meanUnit;
  const conditions = CONDITIONS.filter((condition) => condition === 'MEAN' || texts[condition] !== undefined);
  const golds = rows.map((row) => row.vector);
  return {
    rows: rows.map((row, index) => ({
      row,
      output: outputs[index] ?? missing(index),
      explanation: own[index] ?? '',
      partner: partners[index] ?? index,
      cosines: Object.fromEntries(
        conditions.map((condition) => [
          condition,
          cosine(row.vector, condition === 'MEAN' ? meanUnit : (vectors.get(texts[condition]?.[index] ?? '') ?? missing(index))),
        ]),
      ),
      ...retrieval(vectors.get(own[index] ?? '') ?? missing(index), golds, index),
    })),
    conditions,
    texts: { TEMPLATE: textOf(mean), ZERO_INJECTION: textOf(zero) },
    unswapped,
    warnings,
  };
}

/** The explanation of an output; empty where it has none, so that such rows count as EMPTY instead of vanishing from n. */
function textOf(output: Explanation | undefined): string {
  return output?.explanation ?? '';
}

function constantVectors({ reference }: MeasureParts): Float32Array[] {
  const meanRaw = Float32Array.from(reference.baselines.meanRaw);
  return [meanRaw, new Float32Array(meanRaw.length)];
}

/** Isotropic directions with the norms of the rows, so that an unscaled injection sees vectors of usual length too. */
function randomDirections({ rows }: MeasureParts, random: RandomStream): Float32Array[] {
  return rows.slice(0, controlVariants).map(({ vector }) => {
    const direction = vector.map(() => random.normal());
    const factor = norm(vector) / norm(direction);
    return direction.map((value) => value * factor);
  });
}

async function explain(parts: MeasureParts, vectors: readonly Float32Array[], task: string): Promise<Explanation[]> {
  const { verbalizer, options, signal, log } = parts;
  return await verbalizer.explain(vectors, {
    maxNewTokens: options.maxNewTokens,
    batch: options.batch,
    signal,
    onProgress: (done, total) => {
      log.progress({ task: `explain ${task}`, done, total, unit: 'vectors' });
    },
  });
}

/** Reconstructions by text; equal texts are read once. */
async function reconstruct(parts: MeasureParts, texts: readonly string[]): Promise<ReadonlyMap<string, Float32Array>> {
  const { reconstructor, options, signal, log } = parts;
  const unique = [...new Set(texts)];
  const vectors = await reconstructor.reconstruct(unique, {
    batch: options.batch,
    signal,
    onProgress: (done, total) => {
      log.progress({ task: 'reconstruct', done, total, unit: 'texts' });
    },
  });
  return new Map(unique.map((text, index) => [text, vectors[index] ?? missing(index)]));
}

function retrieval(prediction: Float32Array, golds: readonly Float32Array[], own: number): { retrievalRank: number; offDiagonal: number } {
  const cosines = golds.map((gold) => cosine(prediction, gold));
  const diagonal = cosines[own] ?? NaN;
  const others = cosines.filter((_, index) => index !== own);
  return {
    // Ties count against the row: a reconstruction that fits all vectors equally well retrieves nothing.
    retrievalRank: 1 + others.filter((value) => value >= diagonal).length,
    offDiagonal: others.reduce((sum, value) => sum + value, 0) / others.length,
  };
}

function cycle(items: readonly string[], length: number): string[] {
  return Array.from({ length }, (_, index) => items[index % items.length] ?? '');
}

function missing(index: number): never {
  throw new Error(`No result for item ${index}: a verbalizer or reconstructor returned fewer results than it was given.`);
}

/** A measured row as it is stored: texts in full, nothing rounded. */
export function storedRow(measured: MeasuredRow, rows: readonly MeasuredRow[]): Readonly<Record<string, JsonValue>> {
  const { row, output } = measured;
  return {
    id: row.id,
    documentId: row.documentId,
    text: row.text ?? null,
    token: row.token ?? null,
    rawTokens: row.rawTokens,
    gold: row.explanation ?? null,
    fields: row.fields ?? null,
    output: output.text,
    explanation: output.explanation,
    tokens: output.tokens.length,
    stopped: output.stopped,
    shuffledFrom: rows[measured.partner]?.row.id ?? null,
    cosines: measured.cosines,
    retrievalRank: measured.retrievalRank,
    offDiagonal: measured.offDiagonal,
  };
}
