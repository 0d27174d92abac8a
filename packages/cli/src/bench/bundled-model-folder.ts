import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Folder of the bundled model, for programs that know no package names. */
export function bundledModelFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('@nlakit/tiny-gemma4/package.json')), 'model');
}
