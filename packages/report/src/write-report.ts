import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { atomicWriteFile } from '@nlakit/safetensors';
import type { TopLevelSpec } from 'vega-lite';
import { conditionsFigure } from './figures/conditions-figure.js';
import { lossFigure } from './figures/loss-figure.js';
import { trajectoryFigure } from './figures/trajectory-figure.js';
import { htmlPage, type PageFigure } from './html-page.js';
import type { CardLicense } from './front-matter.js';
import { modelCard } from './model-card.js';
import { readReportData } from './read-report-data.js';
import { renderPng, renderSvg } from './render-figure.js';
import type { ReportData } from './report-data.js';

/** Options of {@link writeReport}. */
export interface ReportOptions {
  /** Licence stated in the card's front matter, usually that of the base model. Without it the card states none. */
  readonly license?: CardLicense;
}

/** What was written. */
export interface WrittenReport {
  /** Absolute paths; the HTML page is the first. */
  readonly files: readonly string[];
  readonly page: string;
}

/**
 * Writes `report/` of a run folder: `index.html` (one file, opens from disk), `README.md` (the card), and each figure as SVG and PNG.
 * Everything comes from files of the run; what was not measured is left out. Throws `E_RUN_MISSING`, `E_WRITE`.
 */
export async function writeReport(runFolder: string, options: ReportOptions = {}): Promise<WrittenReport> {
  const data = await readReportData(runFolder);
  const folder = join(runFolder, 'report');
  const files: string[] = [];
  const write = async (name: string, content: string | Uint8Array): Promise<void> => {
    const file = join(folder, name);
    await mkdir(dirname(file), { recursive: true });
    await atomicWriteFile(file, content);
    files.push(file);
  };
  const figures: (PageFigure & { name: string })[] = [];
  for (const { name, title, spec } of figuresOf(data)) figures.push({ name, title, svg: await renderSvg(spec) });
  await write('index.html', htmlPage(data, figures));
  for (const { name, svg } of figures) {
    await write(`figures/${name}.svg`, svg);
    await write(`figures/${name}.png`, renderPng(svg));
  }
  await write('README.md', modelCard(data, figures, options.license));
  return { files, page: join(folder, 'index.html') };
}

function figuresOf(data: ReportData): { name: string; title: string; spec: TopLevelSpec }[] {
  const found: { name: string; title: string; spec: TopLevelSpec }[] = [];
  if (data.evaluations.length > 1)
    found.push({ name: 'trajectory', title: 'Cosines over the trajectory', spec: trajectoryFigure(data.evaluations) });
  if (data.evaluations.length > 0)
    found.push({ name: 'h5', title: 'H5 conditions at each checkpoint', spec: conditionsFigure(data.evaluations) });
  if (data.steps.length > 0) found.push({ name: 'loss', title: 'Training loss', spec: lossFigure(data.steps) });
  return found;
}
