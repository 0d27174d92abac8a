import { NlaError } from '@nlakit/core';
import { cosine } from '@nlakit/metrics';
import type { Embedder } from './extensions.js';
import type { RetrievalOptions } from './options.js';
import { stripTemplate, type Template } from './strip-template.js';
import { characterAnalyzer, wordAnalyzer } from './text-terms.js';
import { tfidfSimilarity } from './tfidf.js';

/** One way to match explanations with rows. */
export interface SimilarityTable {
  /** `text/words/full`: what is matched with, by what, in which form. */
  readonly name: string;
  readonly meaning: string;
  /** `[explanations][rows]` */
  readonly similarity: readonly ArrayLike<number>[];
  /** Whether rows have to hold the similarities, since no text gives them. */
  readonly stored: boolean;
}

/** What explanations are matched with. */
export interface MatchTargets {
  readonly explanations: readonly string[];
  /** Source texts; absent unless every row has one. */
  readonly texts?: readonly string[];
  /** Labels; absent unless every row has one. */
  readonly golds?: readonly string[];
  readonly template: Template;
}

/** All ways to match explanations with source texts and labels: by words, by characters and by the embedder; whole and without template. */
export async function textTables(
  { explanations, texts, golds, template }: MatchTargets,
  options: Pick<RetrievalOptions, 'tail' | 'stopWords'>,
  embedder: Embedder | undefined,
  signal: AbortSignal,
): Promise<SimilarityTable[]> {
  const analyzers = [wordAnalyzer(options.stopWords), characterAnalyzer];
  const bare = (list: readonly string[]) => list.map((text) => stripTemplate(text, template));
  const forms: { target: string; form: string; meaning: string; left: readonly string[]; right: readonly string[] }[] = [];
  if (texts !== undefined) {
    forms.push({ target: 'text', form: 'full', meaning: 'the source text', left: explanations, right: texts });
    forms.push({ target: 'text', form: 'bare', meaning: 'the source text, without the template', left: bare(explanations), right: texts });
    if (texts.some((text) => text.length > options.tail)) {
      const tails = texts.map((text) => text.slice(-options.tail));
      forms.push({ target: 'text', form: 'tail', meaning: `the last ${options.tail} characters of it`, left: explanations, right: tails });
    }
  }
  if (golds !== undefined) {
    forms.push({ target: 'gold', form: 'full', meaning: 'the label', left: explanations, right: golds });
    forms.push({
      target: 'gold',
      form: 'bare',
      meaning: 'the label, both without the template',
      left: bare(explanations),
      right: bare(golds),
    });
  }
  const tables: SimilarityTable[] = [];
  for (const { target, form, meaning, left, right } of forms) {
    for (const analyzer of analyzers) {
      tables.push({
        name: `${target}/${analyzer.name}/${form}`,
        meaning: `${meaning}; ${analyzer.meaning}`,
        similarity: tfidfSimilarity(left, right, analyzer),
        stored: false,
      });
    }
    if (embedder === undefined) continue;
    tables.push({
      name: `${target}/embedding/${form}`,
      meaning: `${meaning}; cosine of embeddings`,
      similarity: await embeddingSimilarity(left, right, embedder, signal),
      stored: true,
    });
  }
  return tables;
}

/** Cosines of the reconstructions with all rows' vectors: the cross-row argmax test. */
export function reconstructionTable(reconstructions: readonly Float32Array[], vectors: readonly Float32Array[]): SimilarityTable {
  return {
    name: 'vector/reconstruction/full',
    meaning: 'the vector; cosine of the reconstruction',
    similarity: reconstructions.map((reconstruction) => Float64Array.from(vectors, (vector) => cosine(reconstruction, vector))),
    stored: true,
  };
}

async function embeddingSimilarity(
  left: readonly string[],
  right: readonly string[],
  embedder: Embedder,
  signal: AbortSignal,
): Promise<Float64Array[]> {
  const unique = [...new Set([...left, ...right])];
  const vectors = await embedder(unique, { signal });
  const width = vectors[0]?.length ?? 0;
  const fits = (vector: ArrayLike<number>) => vector.length === width && Array.from(vector).every(Number.isFinite);
  if (vectors.length !== unique.length || width === 0 || !Array.from(vectors).every(fits)) {
    throw new NlaError('E_EMBEDDER_RESULT', {
      message: 'The embedder did not give one finite vector for each text, all of one length.',
      found: `${vectors.length} vectors for ${unique.length} texts`,
      kind: 'input',
    });
  }
  const byText = new Map(unique.map((text, index) => [text, vectors[index] ?? []]));
  return left.map((text) => Float64Array.from(right, (other) => cosine(byText.get(text) ?? [], byText.get(other) ?? [])));
}
