import { NlaError, type JsonValue } from '@nlakit/core';
import { createDocumentFilter, type FilterOptions, type FilterReason } from '../filters/index.js';
import type { CorpusDocument, CorpusSource } from './corpus-document.js';
import { openSource } from './open-source.js';
import type { SourceOptions } from './source-options.js';

/** All sources of a corpus, opened. */
export interface Corpus {
  /** Names of the sources, for sidecars. */
  readonly names: readonly string[];
  readonly identity: JsonValue;
  /** Documents before any are left out, where every source knows. */
  readonly total?: number;
  /** Source after source, each in its own order; what the filters leave out is counted, not yielded. */
  read(): CorpusReading;
}

/** One pass over a corpus. */
export interface CorpusReading {
  readonly documents: AsyncIterable<CorpusDocument>;
  /** Documents seen so far. */
  seen(): number;
  leftOut(): Readonly<Partial<Record<FilterReason, number>>>;
}

/** Opens all sources. Reading throws `E_CORPUS_ID` where two documents have one id. Errors as `openSource`. */
export async function openCorpus(
  sources: readonly SourceOptions[],
  { filters, baseFolder }: { readonly filters: FilterOptions; readonly baseFolder: string },
): Promise<Corpus> {
  const opened: CorpusSource[] = [];
  for (const options of sources) opened.push(await openSource(options, baseFolder));
  const totals = opened.map(({ total }) => total);
  const total = totals.reduce<number | undefined>((sum, one) => (sum === undefined || one === undefined ? undefined : sum + one), 0);
  return {
    names: opened.map(({ name }) => name),
    identity: opened.map(({ name, identity }) => ({ name, identity })),
    ...(total === undefined ? {} : { total }),
    read() {
      const filter = createDocumentFilter(filters);
      const ids = new Set<string>();
      let seen = 0;
      const documents = async function* (): AsyncGenerator<CorpusDocument> {
        for (const source of opened) {
          for await (const document of source.documents()) {
            seen += 1;
            if (ids.has(document.id)) throw idError(document.id, source.name);
            ids.add(document.id);
            if (filter.reason(document.text) === undefined) yield document;
          }
        }
      };
      return { documents: documents(), seen: () => seen, leftOut: filter.counts };
    },
  };
}

function idError(id: string, source: string): NlaError {
  return new NlaError('E_CORPUS_ID', {
    message: 'Two documents of the corpus have the same id; splits by document would not hold.',
    found: `${JSON.stringify(id)}, the second time in ${source}`,
    fix: 'Name a field with unique ids, leave `id` out, or give sources of the same name different names.',
    kind: 'input',
  });
}
