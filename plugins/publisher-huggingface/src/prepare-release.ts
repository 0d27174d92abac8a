import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { JsonValue, Release, ReleaseFile } from '@nlakit/core';
import { parseDocument } from 'yaml';
import type { HuggingFaceOptions } from './options.js';

/** A release as it may be seen by others, and what of it stays here. */
export interface PreparedRelease {
  readonly release: Release;
  readonly leftOut: readonly { readonly path: string; readonly reason: string }[];
  /** Files that texts of the corpus were taken out of. */
  readonly withoutTexts: readonly string[];
}

/** Takes texts of the corpus out unless they are asked for, and writes the Hub id of the base model where one is given. */
export async function prepareRelease(
  release: Release,
  { corpusText, baseModel, type }: Pick<HuggingFaceOptions, 'corpusText' | 'baseModel' | 'type'>,
): Promise<PreparedRelease> {
  const files: ReleaseFile[] = [];
  const leftOut: { path: string; reason: string }[] = [];
  const withoutTexts: string[] = [];
  for (const file of release.files) {
    let prepared = file;
    if (corpusText === 'none' && type === 'model') {
      // The pages for people, report and data sheet, show examples in a form that they cannot be taken out of.
      if (file.path.endsWith('.html')) {
        leftOut.push({ path: file.path, reason: 'shows texts of the corpus (corpusText: examples publishes it)' });
        continue;
      }
      prepared = await edited(prepared, withoutCorpusText);
      if (prepared !== file) withoutTexts.push(file.path);
    }
    if (baseModel !== undefined) prepared = await edited(prepared, (path, text) => withBaseModel(path, text, baseModel));
    files.push(prepared);
  }
  return { release: { ...release, ...(baseModel === undefined ? {} : { baseModel }), files }, leftOut, withoutTexts };
}

/** The same file if `edit` changes nothing or says that it is not for it. */
async function edited(file: ReleaseFile, edit: (path: string, text: string) => string | undefined): Promise<ReleaseFile> {
  if (!/(?:\.json|\.yaml|^README\.md)$/.test(file.path)) return file;
  const text = 'content' in file.source ? file.source.content : await readFile(file.source.file, 'utf8');
  const content = edit(file.path, text);
  return content === undefined || content === text ? file : { path: file.path, source: { content } };
}

/** Evaluations without the texts in their rows, the card without its examples. */
function withoutCorpusText(path: string, text: string): string | undefined {
  if (path === 'README.md') return text.replace(/^## Examples\n[\s\S]*?(?=^## |(?![\s\S]))/m, '');
  if (!/^eval\/.*\.json$/.test(path)) return undefined;
  try {
    const { rows, ...rest } = JSON.parse(text) as { readonly rows?: JsonValue };
    return rows === undefined ? undefined : `${JSON.stringify({ ...rest, rows: withoutTexts(rows) }, null, 2)}\n`;
  } catch {
    return undefined;
  }
}

function withoutTexts(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).filter((inner) => typeof inner !== 'string').map(withoutTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => typeof inner !== 'string')
      .map(([key, inner]) => [key, withoutTexts(inner)]),
  );
}

function withBaseModel(path: string, text: string, baseModel: string): string | undefined {
  const name = basename(path);
  if (name === 'adapter_config.json') {
    return JSON.stringify({ ...(JSON.parse(text) as Record<string, unknown>), base_model_name_or_path: baseModel }, null, 2);
  }
  if (name.endsWith('nla_meta.yaml')) {
    return text.replace(/^(base_checkpoint|base_model| {2}base_model): .*$/gm, (_, key: string) => `${key}: ${baseModel}`);
  }
  const frontMatter = path === 'README.md' ? /^---\r?\n([\s\S]*?)\r?\n---/.exec(text) : null;
  if (frontMatter === null) return undefined;
  const data = parseDocument(frontMatter[1] ?? '');
  data.set('base_model', baseModel);
  data.set('base_model_relation', 'adapter');
  return `---\n${data.toString({ lineWidth: 0 })}---${text.slice(frontMatter[0].length)}`;
}
