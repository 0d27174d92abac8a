import { countsInEvaluation, type EvaluationRows } from './pack.js';
import type { TrigramModel } from './trigram.js';
import { bosId } from './vocabulary.js';

/** A mean loss and the number of tokens behind it. */
export interface MeanLoss {
  /** Nats per token. */
  readonly loss: number;
  readonly tokens: number;
}

/** Loss of a trigram model on rows of whole documents, on the tokens that count ({@link countsInEvaluation}). */
export function trigramLoss(model: TrigramModel, rows: EvaluationRows): MeanLoss {
  let sum = 0;
  let tokens = 0;
  for (let row = 0; row < rows.rows; row += 1) {
    const ids = rows.tokens.subarray(row * rows.rowLength, (row + 1) * rows.rowLength);
    for (let at = 1; at < ids.length; at += 1) {
      const next = ids[at] ?? 0;
      if (!countsInEvaluation(next)) continue;
      const second = ids[at - 1] ?? bosId;
      sum -= model.logProbability(second === bosId ? bosId : (ids[at - 2] ?? bosId), second, next);
      tokens += 1;
    }
  }
  return { loss: sum / tokens, tokens };
}
