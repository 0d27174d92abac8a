import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ReleaseFile } from '@nlakit/core';
import { atomicWriteFile } from '@nlakit/safetensors';
import { modelCard } from './card/model-card.js';
import { drawFigures } from './draw-figures.js';
import { lintError } from './lint/finding.js';
import { lintView } from './lint/lint-results.js';
import { openResults } from './open-results.js';
import { htmlPage } from './page/html-page.js';
import { readReportData, type ReportOptions } from './read-report-data.js';
import { readRelease } from './release-view.js';
import { renderPng } from './render-figure.js';
import { REPORT_DATA_FILE } from './run-facts.js';
import { CARD_SOURCES_FILE } from './traced/card-sources.js';

/** What was written. */
export interface WrittenReport {
  /** Absolute paths; the HTML page is the first. */
  readonly files: readonly string[];
  readonly page: string;
}

/**
 * Writes the report of a run into its `report/`, or that of a published folder into the folder itself: `index.html` (one file, opens from
 * disk), `README.md` (the card) with the sources of its numbers, each figure as SVG and PNG, and what it took from the run's events.
 * Everything comes from files; what was not measured is left out. Nothing is written that its own lint refuses.
 *
 * Throws `E_RUN_MISSING`, `E_REPORT_DATA`, `E_RETRACTIONS`, `E_LINT_…` and `E_WRITE`.
 */
export async function writeReport(folder: string, options: ReportOptions = {}): Promise<WrittenReport> {
  const results = await openResults(folder);
  const view = await readRelease(results.files);
  const data = await readReportData(results, view, options);
  const figures = await drawFigures(data);
  const listed = { ...data, paths: [...data.paths, ...figures.map(({ name }) => `figures/${name}.png`)] };
  const card = modelCard(listed, figures);
  const texts: readonly (readonly [name: string, content: string])[] = [
    ['index.html', htmlPage(listed, figures)],
    [REPORT_DATA_FILE, `${JSON.stringify(data.facts, null, 1)}\n`],
    [CARD_SOURCES_FILE, `${JSON.stringify(card.sources, null, 1)}\n`],
    ['README.md', card.text],
  ];
  const made = texts.map(([path, content]): ReleaseFile => ({ path, source: { content } }));
  const pictures = figures.map(({ name }): ReleaseFile => ({ path: `figures/${name}.png`, source: { content: '' } }));
  const written = await readRelease(made);
  const findings = lintView({
    paths: [...view.paths, ...written.paths, ...pictures.map(({ path }) => path)],
    texts: written.texts,
    documents: (file) => written.documents(file) ?? view.documents(file),
  });
  if (findings.length > 0) throw lintError(findings);

  const files: string[] = [];
  const write = async (name: string, content: string | Uint8Array): Promise<void> => {
    const file = join(results.reportFolder, name);
    await mkdir(dirname(file), { recursive: true });
    await atomicWriteFile(file, content);
    files.push(file);
  };
  const [page, ...rest] = texts;
  // Drawn first: a publisher that reads these files meanwhile should find either the old report or the new one, as far as can be.
  const drawn = figures.flatMap(({ name, svg }): (readonly [name: string, content: string | Uint8Array])[] => [
    [`figures/${name}.svg`, svg],
    [`figures/${name}.png`, renderPng(svg)],
  ]);
  if (page !== undefined) await write(...page);
  for (const [name, content] of drawn) await write(name, content);
  await removeOldFigures(join(results.reportFolder, 'figures'), figures);
  for (const [name, content] of rest) await write(name, content);
  return { files, page: join(results.reportFolder, 'index.html') };
}

/** Figures of an earlier report that this one does not have would be published as if they were of now. */
async function removeOldFigures(folder: string, figures: readonly { readonly name: string }[]): Promise<void> {
  const kept = new Set(figures.flatMap(({ name }) => [`${name}.svg`, `${name}.png`]));
  for (const name of await readdir(folder).catch(() => [])) {
    if (/\.(?:svg|png)$/.test(name) && !kept.has(name)) await rm(join(folder, name), { force: true });
  }
}
