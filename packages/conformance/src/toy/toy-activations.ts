import { blockOutput, type Model, type NlaRow } from '@nlakit/core';
import { mulberry32 } from '../mulberry32.js';

const topics = ['animal', 'food', 'plant', 'time'] as const;
const fillers = ['the', 'of', 'a', 'is', 'next', 'last'] as const;

/**
 * Rows whose vectors are a model's own: the output of block `layer` at the last token of each text. Texts are long enough to show whether
 * somebody cuts them.
 *
 * @param first number of the first row; rows of different numbers are of different documents, two rows each
 */
export async function toyActivationRows(model: Model, layer: number, count: number, first = 0): Promise<NlaRow[]> {
  const rows: NlaRow[] = [];
  for (let number = first; number < first + count; number += 1) {
    const random = mulberry32(number + 1);
    const topic = topics[number % topics.length] ?? topics[0];
    const words = Array.from({ length: 48 }, (_, at) => (at % 4 === 0 ? topic : (fillers[Math.floor(random() * fillers.length)] ?? 'the')));
    const text = words.join(' ');
    const token = words.at(-1) ?? '';
    const tokens = model.tokenizer.encode(text, { special: true });
    const hook = blockOutput(layer);
    const { hidden } = model.forward({ tokens, batch: 1, length: tokens.length, stopAfterBlock: layer, capture: [hook] });
    const values = (await hidden[hook]?.data()) as Float32Array;
    hidden[hook]?.dispose();
    rows.push({
      id: `row${number}`,
      documentId: `doc${Math.floor(number / 2)}`,
      vector: values.slice(-model.spec.dModel),
      explanation: `topic: ${topic}. last: ${token}`,
      text,
      token,
      rawTokens: tokens.length,
      fields: { topic, last: token },
    });
  }
  return rows;
}
