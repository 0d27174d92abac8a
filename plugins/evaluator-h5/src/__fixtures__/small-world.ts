import type { Logger, NlaRow } from '@nlakit/core';
import { constantBaselines, cosine } from '@nlakit/metrics';
import type { Explanation } from '@nlakit/nla';
import { createSeedStreams } from '@nlakit/run';
import { DEFAULT_FORM, explanationForm, headlineOf, measure, optionsSchema, summarizeH5 } from '../index.js';
import type { H5Options } from '../index.js';
import { storedRows } from '../stored-row.js';

const dModel = 24;
const form = explanationForm(DEFAULT_FORM);
const topics = ['animal', 'body', 'plant', 'time'];
const words = ['the', 'of', 'in', 'a', 'that', 'is', 'by', 'or'];

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, progress: () => undefined };

const random = createSeedStreams(1).stream('world');
const table = new Map(
  [...topics.map((topic) => `topic ${topic}`), ...words.map((word) => `last ${word}`), 'base'].map((name) => [
    name,
    Float32Array.from({ length: dModel }, () => random.normal()),
  ]),
);

/** A direction made of a common part, the topic (weak) and the last word (strong). */
export function direction(topic: string, last: string): Float32Array {
  const part = (name: string) => table.get(name) ?? new Float32Array(dModel);
  return Float32Array.from(
    { length: dModel },
    (_, index) => 0.6 * (part('base')[index] ?? 0) + 0.5 * (part(`topic ${topic}`)[index] ?? 0) + (part(`last ${last}`)[index] ?? 0),
  );
}

function makeRow(index: number): NlaRow {
  const topic = topics[index % topics.length] ?? '';
  const last = words[(index * 5 + Math.floor(index / 3)) % words.length] ?? '';
  const exact = direction(topic, last);
  return {
    id: `r${index}`,
    documentId: `d${Math.floor(index / 2)}`,
    vector: exact.map((value) => 3 * (value + 0.3 * random.normal())),
    explanation: form.write({ topic, hypernym: `${topic} thing`, last, next: 'it' }),
    text: `text ${index} ${last}`,
    token: ` ${last}`,
    rawTokens: 9,
    fields: { topic, hypernym: `${topic} thing`, last, next: 'it' },
  };
}
/** Rows that were trained on. */
const training = Array.from({ length: 400 }, (_, index) => makeRow(index));
/** Held-out rows, two a document. */
export const rows = Array.from({ length: 100 }, (_, index) => ({ ...makeRow(index + 1000), documentId: `held ${Math.floor(index / 2)}` }));

/** An AV's output; null for one without tags. */
export function output(explanation: string | null): Explanation {
  return {
    text: explanation === null ? 'noise' : `<explanation>${explanation}</explanation>`,
    explanation,
    tokens: new Int32Array(20),
    stopped: true,
  };
}

/** The nearest combination of topic and word: what an ideal verbalizer says. */
function describeVector(vector: Float32Array): string {
  const best = topics
    .flatMap((topic) => words.map((last) => ({ topic, last, fit: cosine(vector, direction(topic, last)) })))
    .reduce((first, second) => (second.fit > first.fit ? second : first));
  return form.write({ topic: best.topic, hypernym: `${best.topic} thing`, last: best.last, next: 'it' });
}
/** The direction that a text of the default form names. */
export function readText(text: string): Float32Array {
  const parts = form.parse(text);
  return parts === undefined ? direction('', '') : direction(parts.topic ?? '', parts.last ?? '');
}

/** Says what is in each vector. */
export const goodAv = (vectors: readonly Float32Array[]) => vectors.map((vector) => output(describeVector(vector)));
/** Reads what a text says. */
const goodAr = (texts: readonly string[]) => texts.map(readText);
/** Options for fast tests. */
export const options: H5Options = optionsSchema.parse({ bootstrap: 400, permutations: 500 });

/** What a run may have in place of the good AV, the good AR, the held-out rows and the options. */
export interface World {
  readonly av?: (vectors: readonly Float32Array[]) => Explanation[];
  readonly ar?: (texts: readonly string[]) => Float32Array[];
  readonly measured?: readonly NlaRow[];
  readonly given?: H5Options;
}

/** Measures and adds up, in a world in which topic and last word make a vector. */
export async function run({ av = goodAv, ar = goodAr, measured = rows, given = options }: World = {}) {
  const reference = {
    baselines: constantBaselines(training.map((row) => row.vector)),
    sourceHash: 'f'.repeat(64),
    documents: new Set(training.map((row) => row.documentId)),
  };
  const asked: string[][] = [];
  const seeds = createSeedStreams(0);
  const measurement = await measure({
    rows: measured,
    reference,
    verbalizer: { explain: (vectors) => Promise.resolve(av(vectors)) },
    reconstructor: {
      reconstruct: (texts) => {
        asked.push([...texts]);
        return Promise.resolve(ar(texts));
      },
    },
    options: given,
    seeds,
    signal: new AbortController().signal,
    log: silent,
  });
  const summary = summarizeH5(measurement, reference, given, seeds);
  return { measurement, summary, headline: headlineOf(summary), stored: storedRows(measurement), asked, reference };
}
