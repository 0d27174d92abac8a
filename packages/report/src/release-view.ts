import { readFile } from 'node:fs/promises';
import type { JsonValue, ReleaseFile } from '@nlakit/core';
import { parse } from 'yaml';

/** The files of a release as report and lint look at them. */
export interface ReleaseView {
  /** Every path, sorted. */
  readonly paths: readonly string[];
  /** Texts of cards and pages. */
  readonly texts: ReadonlyMap<string, string>;
  /** Parsed JSON and YAML. */
  readonly documents: (file: string) => JsonValue | undefined;
}

/** Reads the texts and documents of a release; weights are left alone. A file that is no JSON or YAML has no places, and the lint says so. */
export async function readRelease(files: readonly ReleaseFile[]): Promise<ReleaseView> {
  const texts = new Map<string, string>();
  const documents = new Map<string, JsonValue>();
  for (const { path, source } of files) {
    if (!/\.(?:json|ya?ml|md|html)$/.test(path)) continue;
    const text = 'content' in source ? source.content : await readFile(source.file, 'utf8');
    if (/\.(?:md|html)$/.test(path)) texts.set(path, text);
    else {
      const document = parsed(path, text);
      if (document !== undefined) documents.set(path, document);
    }
  }
  return { paths: files.map(({ path }) => path).sort(), texts, documents: (file) => documents.get(file) };
}

function parsed(path: string, text: string): JsonValue | undefined {
  try {
    // Aliases are no part of what nlakit writes, and a few of them can mean gigabytes.
    return (path.endsWith('.json') ? JSON.parse(text) : parse(text, { maxAliasCount: 0, logLevel: 'error' })) as JsonValue;
  } catch {
    return undefined;
  }
}
