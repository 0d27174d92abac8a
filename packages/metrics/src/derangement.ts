import { NlaError } from '@nlakit/core';

/**
 * A random assignment of rows to other rows such that no row gets one of its own document: `result[row]` is the row whose text it gets,
 * each row used once. Rows are shuffled and each document's rows are laid out as one block of a circle, which is then turned by the size
 * of the largest document; random exchanges that keep the condition mix the blocks. `E_METRICS_DERANGEMENT` if one document has more
 * than half of the rows, since then there is none.
 */
export function derangement(documents: readonly string[], random: () => number): number[] {
  const n = documents.length;
  const groups = new Map<string, number[]>();
  for (const row of shuffledRange(n, random)) {
    const document = documents[row] ?? '';
    groups.set(document, [...(groups.get(document) ?? []), row]);
  }
  const largest = Math.max(0, ...[...groups.values()].map((rows) => rows.length));
  if (n < 2 || largest * 2 > n) {
    throw new NlaError('E_METRICS_DERANGEMENT', {
      message: 'The rows cannot be exchanged between documents.',
      found: `${n} rows, ${largest} of them of one document`,
      expected: 'at least 2 rows and no document with more than half of them',
      fix: 'Evaluate more rows, from more documents.',
      kind: 'input',
    });
  }
  const circle = [...groups.values()].sort((first, second) => second.length - first.length).flat();
  const result = new Array<number>(n);
  circle.forEach((row, place) => {
    result[row] = circle[(place + largest) % n] ?? row;
  });
  mix(result, documents, random);
  return result;
}

function mix(result: number[], documents: readonly string[], random: () => number): void {
  const n = result.length;
  for (let exchange = 0; exchange < 10 * n; exchange += 1) {
    const first = Math.floor(random() * n);
    const second = Math.floor(random() * n);
    const forFirst = result[second] ?? 0;
    const forSecond = result[first] ?? 0;
    if (documents[first] === documents[forFirst] || documents[second] === documents[forSecond]) continue;
    result[first] = forFirst;
    result[second] = forSecond;
  }
}

function shuffledRange(n: number, random: () => number): number[] {
  const order = Array.from({ length: n }, (_, index) => index);
  for (let last = n - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
}
