import type { JsonValue } from '@nlakit/core';
import { objectAt, textIn } from '../read-json.js';

/** Licence of a data set that a trajectory was trained on. */
export interface DataLicense {
  readonly data: string;
  readonly license: string;
}

/** Licences that the makers of well-known corpora state. */
const known: readonly (readonly [pattern: RegExp, license: string])[] = [
  [/wordnet/i, 'WordNet License (Princeton University), free with its notice'],
  [/pku-?saferlhf/i, 'CC-BY-NC-4.0: not for commercial use'],
  [/wikipedia|wikitext/i, 'CC-BY-SA'],
  [/wildchat/i, 'ODC-BY'],
  [/ultra-?fineweb/i, 'Apache-2.0'],
  [/fineweb/i, 'ODC-BY'],
];

/**
 * Licences of the data of a run: those given, else those that the data's sidecars state (`x_license`), else those that are known of the
 * corpora they name. A corpus without any is listed as unknown, because that is what a reader has to find out.
 */
export function dataLicensesOf(sidecars: readonly JsonValue[], given: readonly DataLicense[]): readonly DataLicense[] {
  const found = new Map<string, string>(given.map(({ data, license }) => [data, license]));
  for (const sidecar of sidecars) {
    const corpus = textIn(objectAt(sidecar, 'extraction')['corpus']);
    const data = corpus === '' ? textIn(objectAt(sidecar, '')['dataset_id']) : corpus;
    if (data === '' || found.has(data) || given.length > 0) continue;
    const stated = textIn(objectAt(sidecar, '')['x_license']);
    found.set(data, stated || (known.find(([pattern]) => pattern.test(data))?.[1] ?? 'not recorded: find out before you use it'));
  }
  return [...found].map(([data, license]) => ({ data, license }));
}
