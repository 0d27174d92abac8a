import type { Logger, NlaRow, RandomStream, SeedStreams, Warning } from '@nlakit/core';
import { cosine, derangement, norm } from '@nlakit/metrics';
import type { Explanation, Reconstructor, Verbalizer } from '@nlakit/nla';
import type { TrainingReference } from '@nlakit/nla/evaluation';
import { conditionNames } from './conditions.js';
import type { ConditionName, SwapName } from './conditions.js';
import { gibberish, UNRELATED_SENTENCES } from './control-texts.js';
import { explanationForm } from './explanation-form.js';
import { swapsOf } from './options.js';
import type { H5Options } from './options.js';
import { sameTokenPartners } from './same-token-partners.js';
import { swapFields } from './swap-fields.js';

/** Everything measured on one row. */
export interface MeasuredRow {
  readonly row: NlaRow;
  readonly output: Explanation;
  /** The explanation in the output, or nothing where the output holds none. */
  readonly explanation: string;
  /** The token its vector was read at, if that is known. */
  readonly token: string | undefined;
  /** Index of the row whose explanation SHUFFLED and the swaps take. */
  readonly partner: number;
  /** Index of the row whose explanation SHUFFLED_SAME_TOKEN takes; null where no other document has a row with that token. */
  readonly tokenPartner: number | null;
  /** What the AR read, by condition. MEAN has no text. */
  readonly texts: Readonly<Partial<Record<ConditionName, string>>>;
  /** Cosine of the row's vector and what came back, by condition; a condition that this row does not have is left out. */
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
  /** Rows that a condition leaves out because no row fits them, by condition. */
  readonly withoutPartner: Readonly<Record<string, number>>;
  readonly warnings: readonly Warning[];
}

/** What {@link measure} works with. */
export interface MeasureParts {
  readonly rows: readonly NlaRow[];
  /** The token each vector was read at, as far as known; default: what the rows state. */
  readonly tokens?: readonly (string | undefined)[];
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

type Texts = Partial<Record<ConditionName, readonly (string | null)[]>>;

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

  const given = (output: Explanation | undefined) => (options.dialect === 'solshine' ? (output?.text.trim() ?? '') : textOf(output));
  const documents = rows.map((row) => row.documentId);
  const tokens = parts.tokens ?? rows.map((row) => row.token);
  const shuffle = stream('shuffle');
  const partners = derangement(documents, () => shuffle.uniform());
  const tokenPartners = sameTokenPartners(tokens, documents, stream('shuffle.token'));
  const explanations = outputs.map(textOf);
  const own = outputs.map(given);
  const texts: Texts = {
    AV_OUT: own,
    SHUFFLED: partners.map((partner) => own[partner] ?? ''),
    EMPTY: rows.map(() => ''),
    RANDOM: cycle(stream('unrelated').shuffle(UNRELATED_SENTENCES), rows.length),
    GIBBER: cycle(gibberish(Math.min(controlVariants, rows.length), stream('gibberish')), rows.length),
    TEMPLATE: rows.map(() => given(mean)),
    ZERO_INJECTION: rows.map(() => given(zero)),
    RANDOM_DIRECTION: cycle(directions.map(given), rows.length),
  };
  const withoutPartner: Record<string, number> = {};
  const unswapped: Record<string, number> = {};
  const warnings: Warning[] = [];
  const alone = tokenPartners.filter((partner) => partner === null).length;
  if (alone < rows.length) {
    texts.SHUFFLED_SAME_TOKEN = tokenPartners.map((partner) => (partner === null ? null : (own[partner] ?? '')));
    withoutPartner.SHUFFLED_SAME_TOKEN = alone;
  } else {
    warnings.push({
      code: 'W_H5_SAME_TOKEN',
      message: 'SHUFFLED_SAME_TOKEN is left out: no two documents have a row that is known to be read at the same token.',
    });
  }
  const form = explanationForm(options.form);
  const swaps = swapsOf(options);
  const addSwaps = (base: readonly string[], nameOf: (swap: SwapName) => ConditionName, wrap: (text: string, row: number) => string) => {
    if (base.every((text) => form.parse(text) === undefined)) return;
    for (const [swap, fields] of Object.entries(swaps)) {
      const swapped = swapFields(base, partners, documents, fields, form);
      const name = nameOf(swap as SwapName);
      texts[name] = swapped.texts.map(wrap);
      unswapped[name] = swapped.unswapped;
    }
  };
  addSwaps(
    explanations,
    (swap) => swap,
    // In its place in what the AR gets for AV_OUT, which holds tags in the seed's dialect.
    (text, row) => (explanations[row] === '' ? (own[row] ?? '') : (own[row] ?? '').replace(explanations[row] ?? '', () => text)),
  );
  const labelled = rows.flatMap((row) => (row.explanation === undefined ? [] : [row.explanation]));
  if (labelled.length === rows.length) {
    texts.GOLD = labelled;
    texts.GOLD_SHUFFLED = partners.map((partner) => labelled[partner] ?? '');
    addSwaps(
      labelled,
      (swap): ConditionName => `GOLD_${swap}`,
      (text) => text,
    );
  } else {
    warnings.push({
      code: 'W_H5_UNLABELLED',
      message: `GOLD is left out: ${rows.length - labelled.length} of ${rows.length} rows have no label.`,
    });
  }

  const vectors = await reconstruct(
    parts,
    Object.values(texts).flatMap((column) => column?.filter((text) => text !== null) ?? []),
  );
  const { meanUnit } = parts.reference.baselines;
  const conditions = conditionNames(swaps).filter((condition) => condition === 'MEAN' || texts[condition] !== undefined);
  const golds = rows.map((row) => row.vector);
  return {
    rows: rows.map((row, index) => {
      const read = Object.fromEntries(
        conditions.flatMap((condition): [ConditionName, string][] => {
          const text = texts[condition]?.[index];
          return typeof text === 'string' ? [[condition, text]] : [];
        }),
      ) as MeasuredRow['texts'];
      return {
        row,
        output: outputs[index] ?? missing(index),
        explanation: explanations[index] ?? '',
        token: tokens[index],
        partner: partners[index] ?? index,
        tokenPartner: tokenPartners[index] ?? null,
        texts: read,
        cosines: Object.fromEntries(
          conditions.flatMap((condition): [ConditionName, number][] => {
            if (condition === 'MEAN') return [[condition, cosine(row.vector, meanUnit)]];
            const text = read[condition];
            return text === undefined ? [] : [[condition, cosine(row.vector, vectors.get(text) ?? missing(index))]];
          }),
        ),
        ...retrieval(vectors.get(own[index] ?? '') ?? missing(index), golds, index),
      };
    }),
    conditions,
    texts: { TEMPLATE: given(mean), ZERO_INJECTION: given(zero) },
    unswapped,
    withoutPartner,
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
  const { verbalizer, options, seeds, signal, log } = parts;
  return await verbalizer.explain(vectors, {
    maxNewTokens: options.maxNewTokens,
    minNewTokens: options.minNewTokens,
    ...(options.temperature === 0
      ? {}
      : { temperature: options.temperature, random: seeds.stream(`${options.seedName}.decoding.${task}`) }),
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
