import { createHash } from 'node:crypto';
import type { NlaRow, Summary } from '@nlakit/core';
import { baselineSums, summarize } from '@nlakit/metrics';
import type { ParquetSplit } from '../open-split.js';
import { familyOf } from './family-of.js';
import { histogram, type Histogram } from './histogram.js';

/** Values with their distribution. */
export interface Distribution {
  readonly summary: Summary;
  readonly histogram: Histogram;
}

/** How often something occurs. */
export interface Count {
  readonly name: string;
  readonly count: number;
}

/** Rows that repeat what another row has: all of them but the first of each. */
export interface Duplicates {
  readonly rowIds: number;
  readonly vectors: number;
  readonly texts: number;
  readonly explanations: number;
}

/** A row shown because a rule chose it. */
export interface ExampleRow {
  readonly rule: string;
  readonly id: string;
  readonly text: string | null;
  readonly explanation: string | null;
  readonly norm: number;
  readonly labeler: string | null;
}

/** What is in one data file. */
export interface DataStats {
  readonly file: string;
  readonly sha256: string;
  readonly stage: string;
  readonly rows: number;
  readonly documents: number;
  readonly dModel: number;
  readonly layer: number;
  readonly families: readonly Count[];
  /** Rows by who labelled them; `not stated` for labelled rows that do not say. */
  readonly labelers: readonly Count[];
  readonly labelled: number;
  /** Tokens up to the position that was read. */
  readonly tokens: Distribution;
  /** Words of the explanations; null without any. */
  readonly words: Distribution | null;
  /** Lengths of the vectors. */
  readonly norms: Distribution;
  /** All lengths are the same: the vectors were rescaled when they were read. */
  readonly normalised: boolean;
  /** What the best constant prediction reaches; null if every vector is zero. */
  readonly baselines: { readonly rho: number; readonly rawvar: number; readonly meannorm: number; readonly n: number } | null;
  readonly distinctWords: number;
  /** Most frequent words of the explanations, function words left out. */
  readonly topWords: readonly Count[];
  /** Most frequent first 60 characters: labels that all begin alike were written by a template. */
  readonly topOpenings: readonly Count[];
  readonly duplicates: Duplicates;
  readonly examples: readonly ExampleRow[];
}

const functionWords = new Set(
  'a an and are as at be been but by can for from had has have he her his i if in into is it its may more most no not of on one or our out she so some such than that the their them then there these they this those to up was we were what when where which who will with would you your'.split(
    ' ',
  ),
);

/**
 * Reads a split once and counts. Memory grows with the number of rows (a few hundred bytes each), not with their vectors. `onProgress` gets
 * the rows read so far.
 */
export async function dataStats(split: ParquetSplit, onProgress: (done: number) => void = () => undefined): Promise<DataStats> {
  const families = new Counter();
  const labelers = new Counter();
  const words = new Counter();
  const openings = new Counter();
  const documents = new Set<string>();
  const seen = { rowIds: new Seen(), vectors: new Seen(), texts: new Seen(), explanations: new Seen() };
  const examples = new ExampleChooser();
  const sums = baselineSums();
  const [tokens, lengths, norms]: [number[], number[], number[]] = [[], [], []];
  let nonZero = 0;
  let done = 0;
  for await (const batch of split.batches()) {
    for (const row of batch) {
      const norm = Math.sqrt(row.vector.reduce((sum, value) => sum + value * value, 0));
      if (!documents.has(row.documentId)) documents.add(row.documentId);
      families.add(familyOf(row.documentId));
      tokens.push(row.rawTokens);
      norms.push(norm);
      if (norm > 0) nonZero += 1;
      sums.add(row.vector);
      seen.rowIds.add(row.id);
      seen.vectors.add(new Uint8Array(row.vector.buffer, row.vector.byteOffset, row.vector.byteLength));
      if (row.text !== undefined) seen.texts.add(row.text);
      const spoken = wordsOf(row.explanation ?? '');
      if (row.explanation !== undefined) {
        labelers.add(row.labeler ?? 'not stated');
        seen.explanations.add(row.explanation);
        lengths.push(spoken.length);
        openings.add(row.explanation.slice(0, 60));
        for (const word of spoken) words.add(word);
      }
      examples.look(row, norm, spoken.length);
    }
    done += batch.length;
    onProgress(done);
  }
  const summary = summarize(norms);
  const baselines = nonZero === 0 ? undefined : sums.baselines();
  return {
    file: split.file,
    sha256: split.sha256,
    stage: split.sidecar.stage,
    rows: done,
    documents: documents.size,
    dModel: split.sidecar.dModel,
    layer: split.sidecar.layer,
    families: families.largest(),
    labelers: labelers.largest(),
    labelled: lengths.length,
    tokens: distribution(tokens),
    words: lengths.length === 0 ? null : distribution(lengths),
    norms: { summary, histogram: histogram(norms) },
    normalised: done > 2 && summary.standardDeviation < 1e-4 * summary.mean,
    baselines:
      baselines === undefined ? null : { rho: baselines.rho, rawvar: baselines.rawvar, meannorm: baselines.meannorm, n: baselines.n },
    distinctWords: words.size,
    topWords: words.largest(30, (word) => !functionWords.has(word)),
    topOpenings: openings.largest(5),
    duplicates: {
      rowIds: seen.rowIds.repeated,
      vectors: seen.vectors.repeated,
      texts: seen.texts.repeated,
      explanations: seen.explanations.repeated,
    },
    examples: examples.chosen(),
  };
}

function distribution(values: readonly number[]): Distribution {
  return { summary: summarize(values), histogram: histogram(values) };
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];
}

class Counter {
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#counts.size;
  }

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Most frequent first, equal ones by name. */
  largest(most = Infinity, wanted: (name: string) => boolean = () => true): Count[] {
    return [...this.#counts]
      .filter(([name]) => wanted(name))
      .map(([name, count]) => ({ name, count }))
      .sort((one, other) => other.count - one.count || (one.name < other.name ? -1 : 1))
      .slice(0, most);
  }
}

/** Counts what was seen before, by a hash of 128 bits. */
class Seen {
  readonly #hashes = new Set<string>();
  repeated = 0;

  add(value: string | Uint8Array): void {
    const hash = createHash('sha256').update(value).digest('base64').slice(0, 22);
    if (this.#hashes.has(hash)) this.repeated += 1;
    else this.#hashes.add(hash);
  }
}

/** Chooses rows to show by rule, so that nobody picks them: extremes of length and norm, and the first and the middle row. */
class ExampleChooser {
  readonly #best = new Map<string, { readonly score: number; readonly example: ExampleRow }>();
  #seen = 0;

  look(row: NlaRow, norm: number, words: number): void {
    if (this.#seen === 0) this.#offer('first row', 0, row, norm);
    this.#offer('largest norm', norm, row, norm);
    this.#offer('smallest norm', -norm, row, norm);
    if (row.explanation !== undefined) {
      this.#offer('longest explanation', words, row, norm);
      this.#offer('shortest explanation', -words, row, norm);
    }
    // The row whose id has the smallest hash: as good as drawn by lot, and the same each time.
    this.#offer(
      'drawn by the hash of its id',
      -Number.parseInt(createHash('sha256').update(row.id).digest('hex').slice(0, 12), 16),
      row,
      norm,
    );
    this.#seen += 1;
  }

  chosen(): ExampleRow[] {
    return [...this.#best.values()].map(({ example }) => example);
  }

  #offer(rule: string, score: number, row: NlaRow, norm: number): void {
    if ((this.#best.get(rule)?.score ?? -Infinity) >= score) return;
    const { id, text = null, explanation = null, labeler = null } = row;
    this.#best.set(rule, { score, example: { rule, id, text, explanation, norm, labeler } });
  }
}
