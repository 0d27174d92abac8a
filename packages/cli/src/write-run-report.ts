import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { openRun } from '@nlakit/run';
import { writeReport, type CardLicense, type WrittenReport } from '@nlakit/report';

/** Writes the report of a run; its card states the licence that the base model's own card states, because an adapter is made from it. */
export async function writeRunReport(runFolder: string): Promise<WrittenReport> {
  const { folder, record } = await openRun(runFolder);
  const { options } = record.model;
  const source = typeof options === 'object' && options !== null && 'source' in options ? options.source : undefined;
  const license = typeof source === 'string' ? await baseModelLicense(source, resolve(folder, record.configFolder)) : undefined;
  return writeReport(runFolder, license === undefined ? {} : { license });
}

/** The licence in the front matter of the README beside a model's weights: a folder, or an npm data package with a folder `model`. */
async function baseModelLicense(source: string, from: string): Promise<CardLicense | undefined> {
  const candidates = [resolve(from, source)];
  for (const place of [join(from, 'package.json'), import.meta.url]) {
    try {
      candidates.push(join(dirname(createRequire(place).resolve(`${source}/package.json`)), 'model'));
    } catch {
      // Not installed there.
    }
  }
  for (const folder of candidates) {
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
