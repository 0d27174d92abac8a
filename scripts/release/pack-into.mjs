// Tarballs of every public package, and a project that installs them instead of anything published.
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute } from './clean-client.mjs';
import { publicPackages } from './public-packages.mjs';

/**
 * Packs the public packages of the tree at `root` and writes a project into the empty folder `project` that depends on `nlakit` alone and takes every
 * package of the tree from its tarball.
 *
 * @param {string} root @param {string} project
 * @param {{ env: NodeJS.ProcessEnv, signal: AbortSignal }} options
 * @returns {Promise<number>} bytes of all tarballs
 */
export async function packInto(root, project, { env, signal }) {
  const tarballs = join(project, 'tarballs');
  mkdirSync(tarballs);
  const packages = publicPackages(root);
  const filters = packages.flatMap(({ manifest }) => ['--filter', manifest.name]);
  await execute(['pnpm', ...filters, 'pack', '--pack-destination', tarballs], { cwd: root, env, signal });
  const files = Object.fromEntries(
    packages.map(({ manifest: { name, version } }) => [name, `file:./tarballs/${name.replace('@', '').replace('/', '-')}-${version}.tgz`]),
  );
  writeFileSync(
    join(project, 'package.json'),
    `${JSON.stringify({ private: true, type: 'module', dependencies: { nlakit: files.nlakit }, pnpm: { overrides: files } }, null, 2)}\n`,
  );
  return readdirSync(tarballs).reduce((sum, file) => sum + statSync(join(tarballs, file)).size, 0);
}
