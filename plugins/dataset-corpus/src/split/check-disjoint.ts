import { NlaError } from '@nlakit/core';
import type { SplitName } from '@nlakit/core';

/**
 * Holds the splits to having no document in common, from the documents of the rows as they were written. `E_DATASET_LEAK` names the
 * first documents that stand in two of them.
 */
export function checkDisjoint(documents: Readonly<Record<SplitName, Iterable<string>>>): void {
  const home = new Map<string, SplitName>();
  const shared = new Map<string, string>();
  for (const name of ['avSft', 'arSft', 'heldOut'] as const) {
    for (const id of documents[name]) {
      const before = home.get(id);
      if (before === undefined) home.set(id, name);
      else if (before !== name) shared.set(id, `${id} (${before} and ${name})`);
    }
  }
  if (shared.size === 0) return;
  throw new NlaError('E_DATASET_LEAK', {
    message: `${shared.size} ${shared.size === 1 ? 'document stands' : 'documents stand'} in two splits.`,
    found: [...shared.values()].slice(0, 3).join(', '),
    expected: 'documents that belong to one split each',
    fix: 'Make the split again: `nla data split`.',
    kind: 'input',
  });
}
