import { join } from 'node:path';
import { NlaError } from '@nlakit/core';
import { createJiti } from 'jiti';

/**
 * Imports what an option names: `./file.mjs#name`, `package#name`, the default export without a name. Relative paths start at
 * `baseFolder`. `E_MODULE_LOAD` if there is no such module or it fails, `E_MODULE_EXPORT` if it exports no function or object of that name.
 */
export async function loadExport(specifier: string, baseFolder: string): Promise<unknown> {
  const hash = specifier.indexOf('#');
  const path = hash < 0 ? specifier : specifier.slice(0, hash);
  const name = hash < 0 ? 'default' : specifier.slice(hash + 1);
  let loaded: Readonly<Record<string, unknown>>;
  try {
    loaded = await createJiti(join(baseFolder, 'nla.config.yaml'), { interopDefault: false }).import(path);
  } catch (cause) {
    throw new NlaError('E_MODULE_LOAD', {
      message: `"${path}" cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: `a module, seen from ${baseFolder}`,
      fix: 'Correct the path, or install the package.',
      kind: 'input',
      cause,
    });
  }
  const found = loaded[name];
  if (typeof found === 'function' || (typeof found === 'object' && found !== null)) return found;
  throw new NlaError('E_MODULE_EXPORT', {
    message: `"${path}" exports no "${name}".`,
    found: `exports ${Object.keys(loaded).join(', ') || 'nothing'}`,
    fix: `Name the export: ${path}#name.`,
    kind: 'input',
  });
}
