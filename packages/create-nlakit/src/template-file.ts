import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NlaError } from '@nlakit/core';

/** Files of a project: paths with `/` to contents. */
export type ProjectFiles = Readonly<Record<string, string>>;

const templates = fileURLToPath(new URL('../templates', import.meta.url));

/**
 * The files of a template, with `{{name}}` replaced by the value of that name. A file called `gitignore` becomes `.gitignore`: npm leaves
 * files of that name out of packages. Throws `E_TEMPLATE` for a name without a value.
 */
export async function templateFiles(template: string, values: Readonly<Record<string, string>>): Promise<ProjectFiles> {
  const folder = join(templates, template);
  const files: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const place = path.slice(folder.length + 1).replaceAll('\\', '/');
    const name = place.replace(/(^|\/)gitignore$/, '$1.gitignore');
    files[name] = fill(await readFile(path, 'utf8'), values, place);
  }
  return files;
}

function fill(text: string, values: Readonly<Record<string, string>>, file: string): string {
  return text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined)
      throw new NlaError('E_TEMPLATE', { message: 'A template asks for a value that nobody gives.', file, found: name });
    return value;
  });
}
