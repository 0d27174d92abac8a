import { createHash } from 'node:crypto';
import { NlaError } from '@nlakit/core';
import type { RandomStream, SplitName } from '@nlakit/core';

/** Share of the documents that each split gets; they add up to 1. */
export type SplitFractions = Readonly<Record<SplitName, number>>;

const order: readonly SplitName[] = ['avSft', 'arSft', 'heldOut'];

/**
 * Divides documents, never rows, among the splits: ids are sorted, shuffled, and cut at the shares, so that the result depends on the
 * set of documents and the stream alone, not on the order they came in. Every split whose share is above zero gets at least one
 * document. `E_DATA_SPLIT` for fractions that do not add up to 1, and where there are fewer documents than splits.
 */
export function splitDocuments(
  documentIds: Iterable<string>,
  { fractions, random }: { readonly fractions: SplitFractions; readonly random: RandomStream },
): Map<string, SplitName> {
  checkFractions(fractions);
  const shuffled = random.shuffle([...new Set(documentIds)].sort(byCodeUnit));
  const wanted = order.filter((name) => fractions[name] > 0);
  if (shuffled.length < wanted.length) {
    throw new NlaError('E_DATA_SPLIT', {
      message: 'There are fewer documents than splits.',
      found: `${shuffled.length} documents`,
      expected: `at least ${wanted.length}: one for each of ${wanted.join(', ')}`,
      fix: 'Add documents, or let the filters keep more of them.',
      kind: 'input',
    });
  }
  const sizes = sizesOf(shuffled.length, fractions, wanted);
  const result = new Map<string, SplitName>();
  let start = 0;
  for (const name of wanted) {
    const end = start + (sizes.get(name) ?? 0);
    for (const id of shuffled.slice(start, end)) result.set(id, name);
    start = end;
  }
  return result;
}

/**
 * The split of one document by the hash of its id: documents that are added later never move the others, at the price of shares that
 * are met on average only. `E_DATA_SPLIT` for fractions that do not add up to 1.
 */
export function splitOfDocument(
  documentId: string,
  { fractions, seed }: { readonly fractions: SplitFractions; readonly seed: number },
): SplitName {
  checkFractions(fractions);
  const digest = createHash('sha256').update(`${seed}|${documentId}`).digest();
  const place = digest.readUIntBE(0, 6) / 2 ** 48;
  if (place < fractions.avSft) return 'avSft';
  return place < fractions.avSft + fractions.arSft ? 'arSft' : 'heldOut';
}

/** Whole numbers of documents: shares rounded down, at least one each, and what remains to those with the largest remainders. */
function sizesOf(count: number, fractions: SplitFractions, wanted: readonly SplitName[]): Map<SplitName, number> {
  const sizes = new Map(wanted.map((name) => [name, Math.max(1, Math.floor(fractions[name] * count))]));
  const shortBy = (name: SplitName) => fractions[name] * count - (sizes.get(name) ?? 0);
  const total = () => [...sizes.values()].reduce((sum, size) => sum + size, 0);
  while (total() !== count) {
    const step = total() < count ? 1 : -1;
    const able = wanted.filter((name) => step === 1 || (sizes.get(name) ?? 0) > 1);
    const name = able.reduce((best, one) => (step * shortBy(one) > step * shortBy(best) ? one : best));
    sizes.set(name, (sizes.get(name) ?? 0) + step);
  }
  return sizes;
}

function checkFractions(fractions: SplitFractions): void {
  const values = order.map((name) => fractions[name]);
  const sum = values.reduce((total, value) => total + value, 0);
  if (values.every((value) => value >= 0) && Math.abs(sum - 1) < 1e-9) return;
  throw new NlaError('E_DATA_SPLIT', {
    message: 'The shares of the splits do not add up to 1.',
    found: order.map((name) => `${name} ${fractions[name]}`).join(', '),
    expected: 'three shares of at least 0 with the sum 1',
    kind: 'input',
  });
}

/** Not by locale: the order has to be the same on every machine. */
function byCodeUnit(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
