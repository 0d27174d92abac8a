import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { docsFolder } from './repository.js';

/** A page as it is written: path from `docs/`, and text. */
export interface WrittenPage {
  readonly file: string;
  readonly text: string;
}

/** Folders of `docs/` that hold no pages written by hand. */
const others = new Set(['node_modules', 'generate', 'test', 'public', 'errors', '.vitepress']);

/** The pages that people write, without those that are generated and without measured results. */
export function writtenPages(): readonly WrittenPage[] {
  const found: WrittenPage[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(path.join(docsFolder, folder), { withFileTypes: true })) {
      const file = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!others.has(file) && !/^reference\/(api|packages|plugins)$/.test(file) && file !== 'results') walk(file);
      } else if (file.endsWith('.md') && !/^reference\/(cli|config)\.md$/.test(file)) {
        found.push({ file, text: readFileSync(path.join(docsFolder, file), 'utf8') });
      }
    }
  };
  walk('');
  return found;
}
