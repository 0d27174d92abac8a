import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openRun } from '@nlakit/run';
import { writeReport, type CardLicense, type WrittenReport } from '@nlakit/report';
import { baseModelFolders } from './base-model-folders.js';

/** Writes the report of a run; its card states the licence that the base model's own card states, because an adapter is made from it. */
export async function writeRunReport(runFolder: string): Promise<WrittenReport> {
  const { folder, record } = await openRun(runFolder);
  const license = await baseModelLicense(await baseModelFolders({ folder, record }));
  return writeReport(runFolder, license === undefined ? {} : { license });
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
