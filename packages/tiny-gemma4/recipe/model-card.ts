import { duration } from './progress.js';
import type { StreamName } from './training-plan.js';
import type { TrainingRecord } from './training-record.js';

const contents: Readonly<Record<StreamName, string>> = {
  glosses: 'glosses with their examples: `lemma: gloss`',
  hypernyms: 'what is a kind of what, as sentences and lists',
  explained: 'excerpts of glosses with an explanation in tags',
};

/** `README.md` of the model folder, made from the training record alone. */
export function modelCard(record: TrainingRecord): string {
  const { settings, heldOut, heldOutExplained, trigrams, tokensSeen, streamTokens } = record;
  const names = Object.keys(settings.mixture) as StreamName[];
  const seen = names.reduce((sum, name) => sum + tokensSeen[name], 0);
  const engines = [
    ...new Set(record.sessions.map(({ engine, machine }) => `${engine}, ${machine.cores} × ${machine.cpu}, Node ${machine.node}`)),
  ];
  const plans = record.sessions.filter(({ steps }, index, all) => index > 0 && steps !== all[index - 1]?.steps);
  const state = record.finished
    ? `Training is complete: ${count(record.step)} steps.`
    : `**Taken from the middle of a training run**, after ${count(record.step)} of ${count(settings.steps)} steps.`;
  return `---
license: apache-2.0
language: en
library_name: nlakit
tags: [gemma4, wordnet, tiny]
---

# tiny-gemma4

A language model of ${count(record.parameters)} parameters with the architecture of Gemma 4's text decoder, trained from random weights on
WordNet 3.1. It is made for tests, examples and first runs of nlakit that need a model which is small but has really learned something.
It holds no weights of a Google model.

## Shape

8 blocks, width 128, 4 query heads and 1 key/value head, head size 32 (64 in the two full-attention blocks), sliding window 32,
keys and values shared by the last 3 blocks, per-layer embeddings of width 16, tied output layer with softcap 30, 4,096 token ids.
Weights are stored as bfloat16. The tokenizer is a byte-level BPE trained on the same glosses; \`<concept>\`, \`</concept>\`,
\`<explanation>\`, \`</explanation>\` and the marker ㊗ are ordinary tokens of it.

## Training

${state}${plans.map(({ fromStep, steps }) => ` From step ${count(fromStep)} on the plan was one of ${count(steps)} steps, before it one of ${count(planBefore(record, fromStep))}.`).join('')}

| stream | holds | tokens | share of rows | tokens read |
|---|---|---|---|---|
${names.map((name) => `| ${name} | ${contents[name]} | ${count(streamTokens[name])} | ${settings.mixture[name]} | ${count(tokensSeen[name])} |`).join('\n')}

${count(seen)} tokens were read in rows of ${settings.rowLength}, ${settings.batch} rows a step, with AdamW in ${duration(record.seconds)}.
A tenth of the synsets, chosen by a hash of their id, was kept away from tokenizer and model. Senses that WordNet marks as slurs or
obscene were left out. Seed ${settings.seed}; the recipe is in this package's repository folder \`recipe\`, all settings and the loss
curve are in \`training.json\`.
${engines.map((engine) => `\nTrained with ${engine}.`).join('')}

## Losses on held-out synsets

| | nats per token | tokens |
|---|---|---|
| **this model**, glosses | **${heldOut.loss.toFixed(3)}** | ${count(heldOut.tokens)} |
${trigrams.map((trigram) => `| trigram (Witten-Bell, interpolated) of ${trigram.trainedOn.join(' + ')} | ${trigram.loss.toFixed(3)} | ${count(trigram.tokens)} |`).join('\n')}
| this model, excerpts with explanation | ${heldOutExplained.loss.toFixed(3)} | ${count(heldOutExplained.tokens)} |

Measured with the stored bfloat16 weights, on every token but the first of each text${
    heldOut.rows < heldOut.ofRows ? ` of the first ${count(heldOut.rows)} of ${count(heldOut.ofRows)} rows` : ''
  }. Uniform guessing has ${Math.log(4096).toFixed(3)}.

## Limits

It writes text in the manner of dictionary glosses and nothing else: it follows no instructions, answers no questions and knows no facts
worth relying on. It was trained on rows of ${settings.rowLength} tokens. WordNet's glosses carry the views of their time, and what the
filter for offensive senses did not catch is in the weights.

## Licences

Weights and tokenizer: Apache-2.0 (\`LICENSE\`). Training text: WordNet 3.1, see \`LICENSE-WORDNET\` and \`NOTICE\`.
`;
}

function planBefore(record: TrainingRecord, step: number): number {
  return record.sessions.findLast(({ fromStep }) => fromStep < step)?.steps ?? record.settings.steps;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
