import { blockOutput, NlaError, type EvaluateContext, type JsonValue, type Model } from '@nlakit/core';
import { cosine, derangement, norm } from '@nlakit/metrics';
import { chunks, withAdapter } from '@nlakit/nla';
import { explainRows, reconstructTexts, storedExplanation, type EvaluationParts, type ExplainedRow } from '@nlakit/nla/evaluation';
import { CONDITIONS, type ConditionName } from './conditions.js';
import type { PatchingOptions } from './options.js';
import { findPatchPoint, type PatchPoint } from './patch-point.js';
import { patchedPass } from './patched-pass.js';

/** One row, patched in every way. */
export interface PatchedRow extends ExplainedRow {
  /** Row whose explanation SHUFFLED takes. */
  readonly shuffledFrom: string;
  /** Cosine of vector and reconstruction. */
  readonly cosine: number;
  /** Cosine of the row's vector with the model's own activation: below 1 if it was stored in another precision or read from another model. */
  readonly agreement: number;
  /** KL(unpatched ‖ patched) of the next token, nats. */
  readonly divergence: Readonly<Partial<Record<ConditionName, number>>>;
  /** Whether the most likely next token stays. */
  readonly sameToken: Readonly<Partial<Record<ConditionName, boolean>>>;
}

/** Everything measured. */
export interface PatchingMeasurement {
  readonly rows: readonly PatchedRow[];
  readonly conditions: readonly ConditionName[];
  readonly point: PatchPoint;
  /** Rows that do not count, by reason. */
  readonly leftOut: { readonly noText: number; readonly otherTokens: number; readonly otherActivation: number };
}

/** What {@link measurePatching} works with. */
export interface MeasurePatchingParts {
  readonly model: Model;
  readonly layer: number;
  readonly rows: EvaluationParts['rows'];
  /** Mean direction of the training vectors, `[dModel]`. */
  readonly meanUnit: ArrayLike<number>;
  readonly verbalizer: Pick<EvaluationParts['verbalizer'], 'explain'>;
  readonly reconstructor: Pick<EvaluationParts['reconstructor'], 'reconstruct'>;
  readonly options: PatchingOptions;
  readonly context: Pick<EvaluateContext, 'seeds' | 'signal' | 'log'>;
}

/**
 * Explains and reconstructs every row, then puts each condition's vector in its place in the target model. Rows whose text does not lead
 * the model to their vector are left out: nothing can be put back where it did not come from. `E_PATCH_ROWS` if fewer than two remain.
 */
export async function measurePatching(parts: MeasurePatchingParts): Promise<PatchingMeasurement> {
  const { model, layer, options, context, meanUnit } = parts;
  const placed = parts.rows.flatMap((row) => {
    const ids = row.text === undefined ? undefined : model.tokenizer.encode(row.text, { special: true });
    return ids === undefined || ids.length !== row.rawTokens ? [] : [{ row, ids }];
  });
  const noText = parts.rows.filter(({ text }) => text === undefined).length;
  const otherTokens = parts.rows.length - placed.length - noText;
  if (placed.length < 2) throw tooFew(parts.rows.length, placed.length);

  const explained = await explainRows({ ...parts, rows: placed.map(({ row }) => row) }, options, context);
  const documents = placed.map(({ row }) => row.documentId);
  const stream = (name: string) => context.seeds.stream(`${options.seedName}.${name}`);
  const [shuffle, noise] = [stream('shuffle'), stream('directions')];
  const partners = derangement(documents, () => shuffle.uniform());
  const golds = explained.flatMap(({ row }) => (row.explanation === undefined ? [] : [row.explanation]));
  const labelled = golds.length === explained.length;
  const texts = explained.map(({ explanation }) => explanation);
  const vectorOf = await reconstructTexts(parts, [...texts, ...(labelled ? golds : [])], options, context);
  const own = texts.map(vectorOf);

  const vectors = (name: ConditionName, index: number): ArrayLike<number> => {
    const { vector } = explained[index]?.row ?? { vector: new Float32Array() };
    const directions: Readonly<Record<ConditionName, () => ArrayLike<number>>> = {
      ORIGINAL: () => vector,
      AV_OUT: () => own[index] ?? [],
      GOLD: () => vectorOf(golds[index] ?? ''),
      SHUFFLED: () => own[partners[index] ?? index] ?? [],
      MEAN: () => meanUnit,
      RANDOM: () => vector.map(() => noise.normal()),
      ZERO: () => new Float32Array(vector.length),
    };
    return scaled(directions[name](), norm(vector));
  };
  const conditions = CONDITIONS.filter((name) => name !== 'GOLD' || labelled);
  const sets = conditions.map((name) => explained.map((_, index) => Float32Array.from(vectors(name, index))));

  const hook = blockOutput(layer);
  const rows: PatchedRow[] = [];
  let done = 0;
  const point = await withAdapter(model, null, async () => {
    const found = await findPatchPoint(model, hook, placed[0]?.ids ?? new Int32Array());
    // Texts of similar length share a pass.
    const order = placed.map((_, index) => index).sort((a, b) => (placed[a]?.ids.length ?? 0) - (placed[b]?.ids.length ?? 0) || a - b);
    for (const group of chunks(order, options.patchBatch)) {
      context.signal.throwIfAborted();
      const prompts = group.map((index) => placed[index]?.ids ?? new Int32Array());
      const batch = await patchedPass(
        model,
        found,
        prompts,
        sets.map((set) => group.map((index) => set[index] ?? new Float32Array())),
      );
      group.forEach((index, place) => {
        const row = explained[index];
        if (row === undefined) return;
        const byCondition = <Value>(values: readonly (readonly Value[])[]) =>
          Object.fromEntries(conditions.map((name, set) => [name, values[set]?.[place] as Value]));
        rows[index] = {
          ...row,
          shuffledFrom: explained[partners[index] ?? index]?.row.id ?? '',
          cosine: cosine(row.row.vector, own[index] ?? []),
          agreement: cosine(row.row.vector, batch.activations[place] ?? []),
          divergence: byCondition(batch.divergences),
          sameToken: byCondition(batch.sameToken),
        };
      });
      done += group.length;
      context.log.progress({ task: 'patch', done, total: order.length, unit: 'texts' });
    }
    return found;
  });
  const counted = rows.filter(({ agreement }) => agreement >= options.minimumAgreement);
  if (counted.length < 2) throw tooFew(parts.rows.length, counted.length);
  return { rows: counted, conditions, point, leftOut: { noText, otherTokens, otherActivation: rows.length - counted.length } };
}

/** Brings a direction to a length; the zero vector stays. */
function scaled(direction: ArrayLike<number>, length: number): ArrayLike<number> {
  const size = norm(direction);
  return size === 0 ? direction : Array.from(direction, (value) => (value / size) * length);
}

function tooFew(rows: number, left: number): NlaError {
  return new NlaError('E_PATCH_ROWS', {
    message: 'Too few rows have a text that leads the model to their vector.',
    found: `${left} of ${rows} rows`,
    expected: 'at least 2 rows with their source text, tokenized as when the vector was read, and a vector of this model and layer',
    fix: 'Use data that keep the text up to and including the token whose activation was read.',
    kind: 'input',
  });
}

/** A measured row as it is stored: texts in full, nothing rounded. */
export function storedRow(row: PatchedRow): Readonly<Record<string, JsonValue>> {
  return {
    ...storedExplanation(row),
    shuffledFrom: row.shuffledFrom,
    cosine: row.cosine,
    agreement: row.agreement,
    divergence: row.divergence,
    sameToken: row.sameToken,
  };
}
