import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { plugin } from '../../../../plugins/publisher-directory/src/plugin.js';
import { describeMutants } from '../__fixtures__/describe-mutants.js';

let to = '';
describeMutants(plugin, {
  // A folder of its own for every mutant, or what one has published would be there for the next.
  options: (folder) => ({ to: (to = folder) }),
  published: (repository, path) => readFile(join(to, repository, path)).catch(() => undefined),
});
