import type { DatasetContext, NlaContract } from '@nlakit/core';
import { contractFor } from '@nlakit/sidecar';
import { writeExplanation } from '@nlakit/wordnet';

/** The prompts: no instruction, only tags. With one token a tag, the AV prompt of the bundled model is four tokens long. */
export const wordnetTemplates = {
  av: '<concept>{injection_char}</concept>',
  ar: '<explanation>{explanation}</explanation><concept>',
  avChat: false,
} as const;

/** The contract of a dataset made with that model; see `contractFor` of `@nlakit/sidecar`. */
export function wordnetContract(parts: Pick<DatasetContext, 'model' | 'injector' | 'layer'>): NlaContract {
  return contractFor(wordnetTemplates, parts, [writeExplanation({ topic: 'body', hypernym: 'bone', last: 'a', next: 'that' })]);
}
