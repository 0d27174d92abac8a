import { NlaError } from '@nlakit/core';
import type { ModelSpec, NlaContract, Tokenizer } from '@nlakit/core';
import { arPromptIds, avPromptIds } from './prompts.js';

/**
 * The assertions to make before a contract is used with a model, all hard errors: the marker encodes to exactly its id and is not the
 * unknown token; the canonical AV prompt holds it once, not at an edge, between the stated neighbours; widths are equal and the layer
 * exists; AR prompts end with the suffix ids. `E_CONTRACT_MARKER`, `E_CONTRACT_SLOT`, `E_CONTRACT_MODEL`, `E_CONTRACT_SUFFIX`.
 */
export function checkContract(contract: NlaContract, tokenizer: Tokenizer, spec: Pick<ModelSpec, 'name' | 'dModel' | 'layers'>): void {
  checkModel(contract, spec);
  checkMarker(contract, tokenizer);
  checkSlot(contract, tokenizer);
  checkSuffix(contract, tokenizer);
}

/**
 * A reconstructor whose own weights were trained and cut off holds blocks 0..K and no more: a file with another number of them reads the
 * vector at another place than it was trained for. `E_CONTRACT_LAYERS`.
 */
export function checkCriticLayers({ layer }: Pick<NlaContract, 'layer'>, layers: number): void {
  if (layers === layer + 1) return;
  throw new NlaError('E_CONTRACT_LAYERS', {
    message: 'The reconstructor does not end where its sidecar says.',
    found: `${layers} blocks`,
    expected: `${layer + 1}: blocks 0 to ${layer}, for the output of block ${layer}`,
    fix: 'Weights and sidecar must come from the same release; num_hidden_layers of its config.json is the layer index plus one.',
    kind: 'input',
  });
}

function checkModel(contract: NlaContract, spec: Pick<ModelSpec, 'name' | 'dModel' | 'layers'>): void {
  if (contract.dModel === spec.dModel && contract.layer < spec.layers) return;
  throw new NlaError('E_CONTRACT_MODEL', {
    message: `The sidecar was not written for the model ${spec.name}.`,
    found: `a model with width ${spec.dModel} and ${spec.layers} blocks`,
    expected: `width ${contract.dModel} and a block ${contract.layer} (base model ${contract.baseModel})`,
    fix: 'Load the base model named in the sidecar.',
    kind: 'input',
  });
}

function checkMarker({ tokens }: NlaContract, tokenizer: Tokenizer): void {
  const ids = tokenizer.encode(tokens.injectionChar, { special: false });
  if (ids.length === 1 && ids[0] === tokens.injectionTokenId && ids[0] !== tokenizer.unkId) return;
  throw new NlaError('E_CONTRACT_MARKER', {
    message: `The marker ${JSON.stringify(tokens.injectionChar)} is not the token that the sidecar names.`,
    found: `ids ${Array.from(ids).join(' ')}${ids[0] === tokenizer.unkId ? ' (the unknown token)' : ''}`,
    expected: `the one id ${tokens.injectionTokenId}`,
    fix: 'Use the tokenizer of the base model named in the sidecar.',
    kind: 'input',
  });
}

function checkSlot(contract: NlaContract, tokenizer: Tokenizer): void {
  const { injectionTokenId, leftNeighborId, rightNeighborId } = contract.tokens;
  const ids = Array.from(avPromptIds(contract, tokenizer));
  const positions = ids.flatMap((id, position) => (id === injectionTokenId ? [position] : []));
  const position = positions[0] ?? -1;
  if (positions.length === 1 && ids[position - 1] === leftNeighborId && ids[position + 1] === rightNeighborId) return;
  const seen = positions.map((at) => `position ${at} between ${ids[at - 1] ?? 'the edge'} and ${ids[at + 1] ?? 'the edge'}`);
  throw new NlaError('E_CONTRACT_SLOT', {
    message: 'The AV prompt does not hold the marker as the sidecar says.',
    found: seen.length === 0 ? 'no marker' : seen.join('; '),
    expected: `once, between ${leftNeighborId} and ${rightNeighborId}`,
    fix: 'Template, tokenizer and sidecar must come from the same training.',
    kind: 'input',
  });
}

function checkSuffix(contract: NlaContract, tokenizer: Tokenizer): void {
  const suffix = contract.tokens.criticSuffixIds;
  if (suffix === null) return;
  // Two texts that end differently: a suffix that merges with what stands before it shows in at least one of them.
  for (const explanation of ['a short text.', 'word']) {
    const ids = Array.from(arPromptIds(contract, tokenizer, explanation));
    const end = ids.slice(Math.max(0, ids.length - suffix.length));
    if (end.length === suffix.length && end.every((id, index) => id === suffix[index])) continue;
    throw new NlaError('E_CONTRACT_SUFFIX', {
      message: `The AR prompt for the explanation ${JSON.stringify(explanation)} does not end as the sidecar says.`,
      found: end.join(' '),
      expected: suffix.join(' '),
      fix: 'Template, tokenizer and sidecar must come from the same training.',
      kind: 'input',
    });
  }
}
