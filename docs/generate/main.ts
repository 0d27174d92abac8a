import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { generatePages } from './generate-pages.js';
import { docsFolder } from './repository.js';

// Writes the pages that come from the sources: `jiti generate/main.ts`, in docs/, after the packages are built.
for (const folder of ['errors', 'reference/packages', 'reference/plugins'])
  rmSync(path.join(docsFolder, folder), { recursive: true, force: true });
const pages = await generatePages();
for (const { file, text } of pages) {
  const target = path.join(docsFolder, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, text);
}
process.stdout.write(`${String(pages.length)} pages generated.\n`);
