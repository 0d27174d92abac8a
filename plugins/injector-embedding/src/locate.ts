import { NlaError } from '@nlakit/core';
import type { Slot, TokenContract } from '@nlakit/core';

/**
 * The slot of every row of `tokens` `[batch, length]`: the one position with the marker id between its two neighbours, not at an edge.
 * A row with none, with more than one, or with a marker between other tokens is `E_INJECTION_SLOT`: a missed injection would train
 * the model to describe the marker, and nothing else would show it.
 */
export function locateSlots(tokens: Int32Array, batch: number, contract: TokenContract): readonly Slot[] {
  if (!Number.isSafeInteger(batch) || batch < 1 || tokens.length % batch !== 0) {
    throw new NlaError('E_INJECTION_SLOT', {
      message: 'The tokens are not a batch of rows of equal length.',
      found: `${tokens.length} tokens for ${batch} rows`,
    });
  }
  const length = tokens.length / batch;
  return Array.from({ length: batch }, (_, row) => ({
    row,
    position: slotOf(tokens.subarray(row * length, (row + 1) * length), row, contract),
  }));
}

function slotOf(ids: Int32Array, row: number, contract: TokenContract): number {
  const { injectionTokenId, leftNeighborId, rightNeighborId } = contract;
  const markers: number[] = [];
  ids.forEach((id, position) => {
    if (id === injectionTokenId) markers.push(position);
  });
  const [position] = markers;
  const valid =
    markers.length === 1 && position !== undefined && ids[position - 1] === leftNeighborId && ids[position + 1] === rightNeighborId;
  if (valid) return position;
  const seen = markers.map((at) => `position ${at} between ${ids[at - 1] ?? 'the left edge'} and ${ids[at + 1] ?? 'the right edge'}`);
  throw new NlaError('E_INJECTION_SLOT', {
    message: `Row ${row} does not have exactly one slot for its vector.`,
    found: markers.length === 0 ? `no token ${injectionTokenId} among ${ids.length}` : seen.join('; '),
    expected: `token ${injectionTokenId} once, between ${leftNeighborId} and ${rightNeighborId}`,
    fix: 'Prompt template, tokenizer and sidecar must belong together, and the prompt must not be truncated.',
    kind: 'input',
  });
}
