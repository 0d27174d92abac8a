import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openRun } from '@nlakit/run';
import { writeReport, type CardLicense, type ReportOptions, type WrittenReport } from '@nlakit/report';
import { baseModelFolders } from './base-model-folders.js';
import { exists } from './exists.js';

/**
 * Writes the report of a run, or of what was published of one. The card of a run states the licence that the base model's own card states,
 * because an adapter is made from it; that of a published folder keeps what it says.
 */
export async function writeRunReport(folder: string, options: ReportOptions = {}): Promise<WrittenReport> {
  if (!(await exists(join(folder, 'run.json')))) return writeReport(folder, options);
  const run = await openRun(folder);
  const license = await baseModelLicense(await baseModelFolders(run));
  return writeReport(run.folder, { ...(license === undefined ? {} : { license }), ...options });
}

/** The licence in the front matter of the README beside a model's weights. */
async function baseModelLicense(folders: readonly string[]): Promise<CardLicense | undefined> {
  for (const folder of folders) {
    const card = await readFile(join(folder, 'README.md'), 'utf8').catch(() => undefined);
    const frontMatter = card === undefined ? undefined : /^---\r?\n([\s\S]*?)\r?\n---/.exec(card)?.[1];
    if (frontMatter === undefined) continue;
    const [id, name, link] = ['license', 'license_name', 'license_link'].map(
      (key) => new RegExp(`^${key}:\\s*["']?([^"'#\\r\\n]+?)["']?\\s*$`, 'm').exec(frontMatter)?.[1],
    );
    if (id !== undefined) return { id, ...(name === undefined ? {} : { name }), ...(link === undefined ? {} : { link }) };
  }
  return undefined;
}
