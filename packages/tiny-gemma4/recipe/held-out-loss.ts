import { countsInEvaluation, type EvaluationRows } from './pack.js';
import type { TrainingRows } from './replica.js';
import type { TrigramModel } from './trigram.js';
import { bosId, padId } from './vocabulary.js';

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

/** Targets of evaluation rows: the next token of the row; `<pad>` after the last, which does not count. */
function evaluationBatch(rows: EvaluationRows, start: number, batch: number): TrainingRows {
  const length = rows.rowLength;
  const tokens = Int32Array.from(rows.tokens.subarray(start * length, (start + batch) * length));
  const targets = tokens.map((_, at) => ((at + 1) % length === 0 ? padId : (tokens[at + 1] ?? padId)));
  return { tokens, targets, batch, length };
}

/** Loss of a model on the first `count` rows of whole documents, on the same tokens as {@link trigramLoss}. */
export async function modelLoss(
  losses: (rows: TrainingRows) => Promise<Float32Array>,
  rows: EvaluationRows,
  count = rows.rows,
  batch = 16,
): Promise<MeanLoss> {
  let sum = 0;
  let tokens = 0;
  for (let start = 0; start < count; start += batch) {
    const piece = evaluationBatch(rows, start, Math.min(batch, count - start));
    const found = await losses(piece);
    for (const [at, target] of piece.targets.entries()) {
      if (!countsInEvaluation(target)) continue;
      sum += found[at] ?? NaN;
      tokens += 1;
    }
  }
  return { loss: sum / tokens, tokens };
}
