import type { ReleaseFile } from '@nlakit/core';
import { findLeaks } from '@nlakit/run';
import { homedir, tmpdir } from 'node:os';
import { filesOfResults } from '../open-results.js';
import { readRelease, type ReleaseView } from '../release-view.js';
import { type Finding, lintError } from './finding.js';
import { lintCard } from './lint-card.js';
import { lintPage } from './lint-page.js';

/**
 * Looks card and page of a run or of a published folder through: cells that promise a value, dead links, numbers that no file holds or that differ
 * from it, folders that are not there, retractions that the card does not mention, paths of this machine. Throws `E_RUN_MISSING`.
 */
export async function lintResults(folder: string): Promise<readonly Finding[]> {
  return lintView(await readRelease(await filesOfResults(folder)));
}

/** The same of a release that is about to be published. Throws `E_LINT_…`, or `E_LINT` where several things are wrong. */
export async function checkCards(files: readonly ReleaseFile[]): Promise<void> {
  const findings = lintView(await readRelease(files));
  if (findings.length > 0) throw lintError(findings);
}

/** What is wrong with card and page in a view of a release. */
export function lintView(view: ReleaseView): readonly Finding[] {
  const own = [homedir(), tmpdir(), process.cwd()].filter((path) => path !== '/');
  const paths = ['README.md', 'index.html'].flatMap((file) =>
    findLeaks(view.texts.get(file) ?? '', own).map(({ what, found, line }): Finding => {
      return { code: 'E_LINT_PATH', file, line, place: what, found, expected: 'nothing of the machine it was made on' };
    }),
  );
  return [...lintCard(view), ...lintPage(view), ...paths];
}
