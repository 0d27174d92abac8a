import type { IdentifiedFile } from './content-ids.js';
import type { HuggingFaceOptions } from './options.js';

/** Files that one commit adds or replaces. */
export interface ReleaseBatch {
  readonly title: string;
  readonly files: readonly IdentifiedFile[];
  /** Name of the tag for this commit. */
  readonly tag?: string;
}

const stepFolder = /^trajectory\/step_(\d+)\//;
const document = /^(LICENSE|LICENCE|NOTICE|USE_POLICY|COPYING)[^/]*$/i;

/** The tag of a checkpoint: `step-000050` for `trajectory/step_000050/…`. */
export function tagOf(path: string): string | undefined {
  const step = stepFolder.exec(path)?.[1];
  return step === undefined ? undefined : `step-${step}`;
}

/**
 * Commits of a release in order. Licence and notices come with the first one; the card comes last, with its figures, so that nobody reads
 * about checkpoints that are not there yet.
 */
export function releaseBatches(files: readonly IdentifiedFile[], commits: HuggingFaceOptions['commits']): readonly ReleaseBatch[] {
  const isCard = ({ path }: IdentifiedFile): boolean =>
    ['README.md', 'index.html', 'card.sources.json', 'report-data.json', 'retractions.json'].includes(path) || path.startsWith('figures/');
  const card = files.filter(isCard).sort((a, b) => Number(a.path === 'README.md') - Number(b.path === 'README.md'));
  const rest = files.filter((file) => !isCard(file));
  if (commits === 'single') return [{ title: 'Publish with nlakit', files: [...rest, ...card] }];
  const steps = new Map<string, IdentifiedFile[]>();
  const others: IdentifiedFile[] = [];
  const documents: IdentifiedFile[] = [];
  for (const file of rest) {
    const tag = tagOf(file.path);
    if (tag !== undefined) steps.set(tag, [...(steps.get(tag) ?? []), file]);
    else (document.test(file.path) ? documents : others).push(file);
  }
  const batches: ReleaseBatch[] = [...steps]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([tag, stepFiles]) => ({ title: `Add trajectory/${tag.replace('-', '_')}`, files: stepFiles, tag }));
  const folders = [...new Set(others.map(({ path }) => path.split('/')[0] ?? path))];
  if (others.length > 0) batches.push({ title: `Add ${folders.join(', ')}`, files: others });
  if (card.length > 0) batches.push({ title: 'Update the card', files: card });
  const [first, ...more] = batches;
  if (first === undefined) return documents.length === 0 ? [] : [{ title: 'Add licence and notices', files: documents }];
  return [{ ...first, files: [...documents, ...first.files] }, ...more];
}
