import { NlaError, type Estimate, type Model, type SeedStreams } from '@nlakit/core';
import {
  bootstrapMean,
  constantBaselines,
  constantFveNrm,
  documentFolds,
  documentPermutation,
  holm,
  mean,
  median,
  nearestRows,
  norm,
  permutationNull,
  probeFolds,
  quantile,
  sharedLabel,
  siblingLabels,
} from '@nlakit/metrics';
import { readActivations } from './read-activations.js';

/** A text of a layer sweep. */
export interface SweepText {
  /** Special tokens included. */
  readonly tokens: Int32Array;
  /** Texts of one document are resampled, permuted and kept out of each other's folds together. */
  readonly documentId: string;
  /** What a probe is asked for, if there is something. */
  readonly label?: string;
}

/** Options of {@link sweepLayers}. */
export interface LayerSweepOptions {
  /** Positions drawn in each text besides the last one. */
  readonly positions: number;
  readonly bootstrap: number;
  readonly permutations: number;
  readonly folds: number;
  /** Penalty of the probe's logistic regression. */
  readonly l2: number;
  /** Labels that fewer texts than that have are left out. */
  readonly minimumPerClass: number;
  readonly seeds: SeedStreams;
  readonly batchTokens?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (task: string, done: number, total: number) => void;
}

/** Where in the texts vectors are read. */
export type SweepPlace = 'last' | 'sampled';

/** Ways to ask what vectors hold. */
export type SweepMeasure = 'documentTop1' | 'labelTop1' | 'probe';

/** A share of vectors that were told rightly, against labels that were exchanged. */
export interface SweepAccuracy extends Estimate {
  /** Vectors that count. */
  readonly n: number;
  /** Mean share with permuted labels. */
  readonly chance: number;
  /** One-sided permutation p, and the same after Holm's correction over the layers. */
  readonly p: number;
  readonly pHolm: number;
  readonly z: number | null;
}

/** What the vectors of one block at one kind of place are like. */
export interface LayerFigures {
  readonly layer: number;
  /** Vectors. */
  readonly n: number;
  readonly norm: { readonly median: number; readonly q05: number; readonly q95: number };
  /** Median norm / median norm of the embeddings that enter block 0. */
  readonly normToEmbedding: number;
  /** Mean cosine of the best constant vector, the variance of directions 1 - rho², and that constant's fve_nrm. */
  readonly rho: number;
  readonly rawvar: number;
  readonly constantFveNrm: number;
  /** Whether the most similar other vector is of the same document; null where every document has one vector. */
  readonly documentTop1: SweepAccuracy | null;
  /** Whether the most similar vector of another document has the same label; null without labels. */
  readonly labelTop1: SweepAccuracy | null;
  /** Whether a linear probe, fitted on other documents' vectors, names the label; null without labels. */
  readonly probe: SweepAccuracy | null;
}

/** All layers, read in one pass over the texts. */
export interface LayerSweep {
  readonly model: string;
  readonly layers: number;
  readonly texts: number;
  readonly documents: number;
  /** Labels with enough texts. */
  readonly classes: readonly string[];
  readonly embeddingNorm: number;
  readonly places: Readonly<Record<SweepPlace, readonly LayerFigures[]>>;
  /** Layers whose share lies above chance with its whole interval, and with p below .05 after correction. */
  readonly aboveChance: Readonly<Record<SweepPlace, Readonly<Partial<Record<SweepMeasure, readonly number[]>>>>>;
}

export const SWEEP_PLACES: readonly SweepPlace[] = ['last', 'sampled'];
export const SWEEP_MEASURES: readonly SweepMeasure[] = ['documentTop1', 'labelTop1', 'probe'];

/**
 * What the residual stream behind every block holds, before a layer is chosen: norms, how much a constant vector explains, whether vectors
 * find their document and their label, and whether a probe names the label. At the last token, whose identity alone can tell much, and at
 * positions drawn from the rest of each text. Picks no layer. `E_SWEEP_TEXTS` for fewer than ten texts or a single document.
 */
export async function sweepLayers(model: Model, texts: readonly SweepText[], options: LayerSweepOptions): Promise<LayerSweep> {
  const documents = new Set(texts.map(({ documentId }) => documentId)).size;
  if (texts.length < 10 || documents < 2) {
    throw new NlaError('E_SWEEP_TEXTS', {
      message: 'These are too few texts for a layer sweep.',
      found: `${texts.length} texts of ${documents} documents`,
      expected: 'at least 10 texts, of at least 2 documents; some hundreds for narrow intervals',
      kind: 'input',
    });
  }
  const layers = Array.from({ length: model.spec.layers }, (_, layer) => layer);
  const classes = frequentLabels(texts, options.minimumPerClass);
  const embeddingNorm = await medianEmbeddingNorm(model, options.seeds);
  const sampled = samplePositions(texts, options);
  const read = await readVectors(model, texts, sampled, layers, options);
  const places = { last: [] as LayerFigures[], sampled: [] as LayerFigures[] };
  for (const place of SWEEP_PLACES) {
    const owners = texts.flatMap((_, index) => (place === 'last' ? [index] : (sampled[index] ?? []).map(() => index)));
    if (owners.length < 10) continue;
    for (const layer of layers) {
      options.signal?.throwIfAborted();
      options.onProgress?.(`measure (${place} token)`, layer, layers.length);
      const vectors = texts.flatMap((_, index) => {
        const own = read.get(index)?.[layer] ?? [];
        return place === 'last' ? own.slice(0, 1) : own.slice(1);
      });
      places[place].push(
        measureLayer(
          vectors,
          owners.flatMap((index) => texts[index] ?? []),
          { layer, place, classes, embeddingNorm, options },
        ),
      );
    }
  }
  const corrected = { last: withHolm(places.last), sampled: withHolm(places.sampled) };
  return {
    model: model.spec.name,
    layers: layers.length,
    texts: texts.length,
    documents,
    classes,
    embeddingNorm,
    places: corrected,
    aboveChance: { last: aboveChance(corrected.last), sampled: aboveChance(corrected.sampled) },
  };
}

function measureLayer(
  vectors: readonly Float32Array[],
  owners: readonly SweepText[],
  context: {
    readonly layer: number;
    readonly place: SweepPlace;
    readonly classes: readonly string[];
    readonly embeddingNorm: number;
    readonly options: LayerSweepOptions;
  },
): LayerFigures {
  const { layer, place, classes, embeddingNorm, options } = context;
  const { rho, rawvar } = constantBaselines(vectors);
  const norms = vectors.map((vector) => norm(vector));
  const units = vectors.map((vector, row) => vector.map((value) => value / (norms[row] || 1)));
  const documents = owners.map(({ documentId }) => documentId);
  const labels = Int32Array.from(owners, ({ label }) => classes.indexOf(label ?? ''));
  const siblings = siblingLabels(documents);
  // Every figure has a stream of its own, so that none depends on which others there are.
  const uniform = (name: string) => {
    const stream = options.seeds.stream(`sweep-layers.${place}.${layer}.${name}`);
    return () => stream.uniform();
  };
  /** `score(row, labels)` is a row's score if the labels are these. Labels change places with `groups`. */
  const accuracy = (name: SweepMeasure, own: Int32Array, groups: readonly string[], score: (row: number, labels: Int32Array) => number) => {
    const counted = Array.from(own.keys()).filter((row) => Number.isFinite(score(row, own)));
    if (counted.length < 10) return null;
    const random = uniform(name);
    const labelled = Array.from(own.keys()).filter((row) => (own[row] ?? -1) >= 0);
    const scoresOf = (given: Int32Array) => mean(counted.map((row) => score(row, given)));
    const draws = Float64Array.from({ length: options.permutations }, () => {
      const donors = Array.from(documentPermutation(groups, random)).filter((row) => (own[row] ?? -1) >= 0);
      const given = own.slice();
      labelled.forEach((row, at) => (given[row] = own[donors[at] ?? row] ?? -1));
      return scoresOf(given);
    });
    const clusters = counted.map((row) => documents[row] ?? '');
    const estimate = bootstrapMean(
      counted.map((row) => score(row, own)),
      { random, resamples: options.bootstrap, clusters },
    );
    const { p, z, mean: chance } = permutationNull(estimate.value, draws);
    return { value: estimate.value, low: estimate.low, high: estimate.high, n: counted.length, chance, p, pHolm: p, z };
  };
  const near = nearestRows(units, () => true);
  const elsewhere = classes.length < 2 ? [] : nearestRows(units, (row, other) => documents[row] !== documents[other]);
  const predicted = classes.length < 2 ? new Int32Array() : probe(units, labels, documents, classes.length, options);
  return {
    layer,
    n: vectors.length,
    norm: { median: median(norms), q05: quantile(norms, 0.05), q95: quantile(norms, 0.95) },
    normToEmbedding: median(norms) / embeddingNorm,
    rho,
    rawvar,
    constantFveNrm: constantFveNrm(rho),
    // The document is the label here, so vectors change places one by one.
    documentTop1: accuracy(
      'documentTop1',
      siblings,
      owners.map((_, row) => String(row)),
      (row, given) => sharedLabel(near[row] ?? [], given, row),
    ),
    labelTop1:
      classes.length < 2 ? null : accuracy('labelTop1', labels, documents, (row, given) => sharedLabel(elsewhere[row] ?? [], given, row)),
    probe:
      classes.length < 2
        ? null
        : accuracy('probe', labels, documents, (row, given) => ((given[row] ?? -1) < 0 ? NaN : predicted[row] === given[row] ? 1 : 0)),
  };
}

function probe(
  units: readonly Float32Array[],
  labels: Int32Array,
  documents: readonly string[],
  classes: number,
  { folds, l2, seeds }: LayerSweepOptions,
): Int32Array {
  // The same folds at every layer.
  const stream = seeds.stream('sweep-layers.folds');
  const start = stream.state();
  const dealt = documentFolds(documents, folds, (items) => stream.shuffle(items));
  stream.restore(start);
  return probeFolds(units, labels, dealt, { classes, l2, iterations: 100 });
}

/** For every text the vectors at its last position and at the sampled ones, in this order, by layer. */
async function readVectors(
  model: Model,
  texts: readonly SweepText[],
  sampled: readonly (readonly number[])[],
  layers: readonly number[],
  { batchTokens, signal, onProgress }: LayerSweepOptions,
): Promise<ReadonlyMap<number, readonly (readonly Float32Array[])[]>> {
  const { dModel } = model.spec;
  const found = new Map<number, Float32Array[][]>();
  const asked = texts.map(({ tokens }, index) => ({ tokens, positions: [tokens.length - 1, ...(sampled[index] ?? [])] }));
  const reading = readActivations(model, asked, {
    layers,
    ...(batchTokens === undefined ? {} : { batchTokens }),
    ...(signal === undefined ? {} : { signal }),
  });
  for await (const batch of reading) {
    for (const { index, vectors } of batch) {
      found.set(
        index,
        layers.map((layer) => {
          const values = vectors.get(layer) ?? new Float32Array();
          return Array.from({ length: values.length / dModel }, (_, at) => values.slice(at * dModel, (at + 1) * dModel));
        }),
      );
    }
    onProgress?.('read activations', found.size, texts.length);
  }
  return found;
}

/** Positions between the first token and the last one, without repetition. */
function samplePositions(texts: readonly SweepText[], { positions, seeds }: LayerSweepOptions): number[][] {
  const stream = seeds.stream('sweep-layers.positions');
  return texts.map(({ tokens }) => {
    const between = Array.from({ length: Math.max(0, tokens.length - 2) }, (_, at) => at + 1);
    return stream.shuffle(between).slice(0, positions);
  });
}

function frequentLabels(texts: readonly SweepText[], least: number): string[] {
  const counts = new Map<string, number>();
  for (const { label } of texts) if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].flatMap(([label, count]) => (count >= least ? [label] : [])).sort();
}

/** Median norm of the embeddings, after their scale, of a thousand token ids. */
async function medianEmbeddingNorm(model: Model, seeds: SeedStreams): Promise<number> {
  const stream = seeds.stream('sweep-layers.embeddings');
  const { vocabularySize, dModel } = model.spec;
  const ids = Int32Array.from({ length: Math.min(1000, vocabularySize) }, () => stream.integer(vocabularySize));
  const values = await model.embed(ids);
  return median(Array.from(ids, (_, row) => norm(values.subarray(row * dModel, (row + 1) * dModel))));
}

function withHolm(layers: readonly LayerFigures[]): LayerFigures[] {
  const adjusted = new Map(
    SWEEP_MEASURES.map((measure) => [measure, holm(layers.flatMap((figures) => figures[measure]?.p ?? []))] as const),
  );
  return layers.map((figures, place) => {
    const of = (measure: SweepMeasure) => {
      const found = figures[measure];
      // A measure is there at every layer or at none: it depends on the texts alone.
      return found === null ? null : { ...found, pHolm: adjusted.get(measure)?.[place] ?? found.p };
    };
    return { ...figures, documentTop1: of('documentTop1'), labelTop1: of('labelTop1'), probe: of('probe') };
  });
}

function aboveChance(layers: readonly LayerFigures[]): Readonly<Partial<Record<SweepMeasure, readonly number[]>>> {
  return Object.fromEntries(
    SWEEP_MEASURES.filter((measure) => layers.some((figures) => figures[measure] !== null)).map((measure) => [
      measure,
      layers.flatMap((figures) => {
        const found = figures[measure];
        return found !== null && found.pHolm < 0.05 && found.low > found.chance ? [figures.layer] : [];
      }),
    ]),
  );
}
