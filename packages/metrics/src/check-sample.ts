import { NlaError } from '@nlakit/core';

/** `E_METRICS_EMPTY` for no values, `E_METRICS_NOT_FINITE` for NaN or infinity among them: no order or sum of those means anything. */
export function checkSample(values: ArrayLike<number>): void {
  if (values.length === 0) throw new NlaError('E_METRICS_EMPTY', { message: 'Nothing can be said about an empty sample.' });
  for (let index = 0; index < values.length; index += 1) {
    if (Number.isFinite(values[index])) continue;
    throw new NlaError('E_METRICS_NOT_FINITE', {
      message: 'A sample holds a value that is not a finite number.',
      found: `${String(values[index])} at index ${index}`,
      expected: 'finite numbers only',
      fix: 'Leave out the rows that were not measured, in every condition alike, and say how many they are.',
    });
  }
}

/** `E_METRICS_PROBABILITY` unless `confidence` lies strictly between 0 and 1. */
export function checkConfidence(confidence: number): void {
  if (confidence > 0 && confidence < 1) return;
  throw new NlaError('E_METRICS_PROBABILITY', {
    message: 'The confidence of an interval lies between 0 and 1.',
    found: String(confidence),
    expected: 'for instance 0.95',
    kind: 'input',
  });
}

/** `E_METRICS_COUNT` unless `count` is a whole number of at least 1; `what` names it. */
export function checkDraws(count: number, what: string): void {
  if (Number.isSafeInteger(count) && count >= 1) return;
  throw new NlaError('E_METRICS_COUNT', { message: `At least one of the ${what} is needed.`, found: String(count), kind: 'input' });
}
