import type { DatasetContext, NlaContract, Tokenizer } from '@nlakit/core';
import { arPromptIds, avPromptIds, checkContract, findMarker } from '@nlakit/sidecar';
import { writeExplanation } from '@nlakit/wordnet';

/** The prompts: no instruction, only tags. With one token a tag, the AV prompt of the bundled model is four tokens long. */
export const wordnetTemplates = {
  av: '<concept>{injection_char}</concept>',
  ar: '<explanation>{explanation}</explanation><concept>',
  avChat: false,
} as const;

/**
 * The contract of a dataset made with that model: marker, neighbours and suffix are read off the tokenized prompts, the injection scale is
 * the injector's, and errors of reconstruction are measured at norm sqrt(dModel). Throws what `findMarker` and `checkContract` throw.
 */
export function wordnetContract({ model, injector, layer }: Pick<DatasetContext, 'model' | 'injector' | 'layer'>): NlaContract {
  const { tokenizer, spec } = model;
  const marker = findMarker(tokenizer);
  const tokens = {
    injectionChar: marker.char,
    injectionTokenId: marker.id,
    leftNeighborId: -1,
    rightNeighborId: -1,
    criticSuffixIds: null,
  };
  const prompt = avPromptIds({ templates: wordnetTemplates, tokens }, tokenizer);
  const slot = prompt.indexOf(marker.id);
  const contract: NlaContract = {
    baseModel: spec.name,
    dModel: spec.dModel,
    layer,
    injectionScale: injector.scale(spec.dModel),
    mseScale: Math.sqrt(spec.dModel),
    tokens: {
      ...tokens,
      leftNeighborId: prompt[slot - 1] ?? -1,
      rightNeighborId: prompt[slot + 1] ?? -1,
      criticSuffixIds: commonSuffix(tokenizer),
    },
    templates: wordnetTemplates,
    perLayerIds: injector.perLayerIds,
  };
  checkContract(contract, tokenizer, spec);
  return contract;
}

/** The ids that AR prompts end with whatever their explanation ends with; null if there are none. */
function commonSuffix(tokenizer: Tokenizer): readonly number[] | null {
  const samples = ['a short text.', 'word', writeExplanation({ topic: 'body', hypernym: 'bone', last: 'a', next: 'that' })];
  const prompts = samples.map((sample) => Array.from(arPromptIds({ templates: wordnetTemplates }, tokenizer, sample)));
  const [first = [], ...others] = prompts;
  let length = 0;
  while (length < first.length && others.every((other) => other.at(-1 - length) === first.at(-1 - length))) length += 1;
  return length === 0 ? null : first.slice(first.length - length);
}
