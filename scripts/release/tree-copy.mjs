// A throw-away copy of the tree, in which versions can be bumped and packages published without touching the original.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { execute } from './clean-client.mjs';
import { publicPackages } from './public-packages.mjs';

const leftOut = new Set(['.git', 'node_modules', '.turbo', 'runs', 'published', 'dist']);

/**
 * Copies the tree as it is, with what is not committed and without what is built, makes it a repository of its own (changesets look for one) and installs it.
 * Signing is turned off: only a workflow with an identity can sign for provenance.
 *
 * @param {string} root
 * @param {string} copy a new folder
 * @param {{ env: NodeJS.ProcessEnv, signal: AbortSignal }} options
 */
export async function copyTree(root, copy, { env, signal }) {
  cpSync(root, copy, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => {
      const parts = relative(root, path).split(sep);
      return !parts.some((part) => leftOut.has(part)) && !path.endsWith(`${sep}src${sep}generated`);
    },
  });
  const run = (command) => execute(command, { cwd: copy, env, signal });
  for (const { file, manifest } of publicPackages(copy)) {
    if (manifest.publishConfig?.provenance === undefined) continue;
    const unsigned = readFileSync(file, 'utf8').replace('"provenance": true', '"provenance": false');
    writeFileSync(file, unsigned);
  }
  await run(['git', 'init', '--quiet', '--initial-branch', 'main']);
  await run(['git', 'add', '--all']);
  const author = ['-c', 'user.name=rehearsal', '-c', 'user.email=rehearsal@localhost', '-c', 'commit.gpgsign=false'];
  await run(['git', ...author, 'commit', '--quiet', '--message', 'The tree to be released']);
  await run(['pnpm', 'install', '--frozen-lockfile', '--prefer-offline', '--reporter', 'silent']);
}
