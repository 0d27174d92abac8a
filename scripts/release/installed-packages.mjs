// Looks at what a package manager made of the published packages.
import { existsSync, lstatSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Every package below `node_modules` once, by its real folder.
 *
 * @param {string} project @returns {{ folder: string, manifest: any }[]}
 */
export function installedPackages(project) {
  const found = new Map();
  const visit = (modules) => {
    if (!existsSync(modules)) return;
    for (const name of readdirSync(modules)) {
      if (name === '.pnpm') for (const entry of readdirSync(join(modules, name))) visit(join(modules, name, entry, 'node_modules'));
      else if (name.startsWith('@')) visit(join(modules, name));
      else if (!name.startsWith('.')) {
        const folder = realpathSync(join(modules, name));
        if (found.has(folder) || !existsSync(join(folder, 'package.json'))) continue;
        found.set(folder, JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
        visit(join(folder, 'node_modules'));
      }
    }
  };
  visit(join(project, 'node_modules'));
  return [...found].map(([folder, manifest]) => ({ folder, manifest }));
}

/** Bytes of a package's files, without the packages nested in it; links are not followed. */
export function bytesOf(folder) {
  let bytes = 0;
  for (const name of readdirSync(folder)) {
    const entry = lstatSync(join(folder, name));
    if (entry.isDirectory()) bytes += name === 'node_modules' ? 0 : bytesOf(join(folder, name));
    else if (entry.isFile()) bytes += entry.size;
  }
  return bytes;
}

/**
 * What is wrong with the published packages as installed: a package that is there twice, a file that its manifest names and that is
 * missing, no licence, no README, tests.
 *
 * @param {{ folder: string, manifest: any }[]} packages @param {ReadonlySet<string>} own
 * @returns {string[]}
 */
export function problemsOf(packages, own) {
  const problems = [];
  const single = (name) => own.has(name) || name === '@tensorflow/tfjs-core';
  for (const [name, list] of groupByName(packages)) {
    if (single(name) && list.length > 1)
      problems.push(`${name} is installed ${list.length} times: ${list.map(({ folder }) => folder).join(', ')}`);
  }
  for (const { folder, manifest } of packages.filter(({ manifest }) => own.has(manifest.name))) {
    const files = [
      'LICENSE',
      'README.md',
      ...Object.values(manifest.bin ?? {}),
      ...Object.values(manifest.exports ?? {}).flatMap((target) => (typeof target === 'string' ? [target] : Object.values(target))),
    ];
    for (const file of files) if (!existsSync(join(folder, file))) problems.push(`${manifest.name} lacks ${file}`);
    // Templates of projects have tests of their own; those of the sources stay here.
    for (const part of ['src', 'dist'].filter((each) => existsSync(join(folder, each)))) {
      for (const name of readdirSync(join(folder, part), { recursive: true })) {
        if (/\.test(-d)?\.ts$/.test(name)) problems.push(`${manifest.name} holds a test: ${part}/${name}`);
      }
    }
  }
  return problems;
}

function groupByName(packages) {
  const groups = new Map();
  for (const each of packages) groups.set(each.manifest.name, [...(groups.get(each.manifest.name) ?? []), each]);
  return groups;
}

/**
 * A module that imports every entry of the published packages from where they lie, as another package's code would: what a package
 * uses and does not depend on is missing then, at least where packages are kept apart.
 *
 * @param {{ folder: string, manifest: any }[]} packages @param {ReadonlySet<string>} own
 */
export function importEverything(packages, own) {
  const entries = packages
    .filter(({ manifest }) => own.has(manifest.name))
    .flatMap(({ folder, manifest }) =>
      Object.values(manifest.exports ?? {})
        .map((target) => (typeof target === 'object' ? target.default : undefined))
        .filter((file) => file !== undefined)
        .map((file) => ({ name: manifest.name, url: pathToFileURL(join(folder, file)).href, optional: optionalPeers(manifest) })),
    );
  return `const failed = [];
for (const { name, url, optional } of ${JSON.stringify(entries)}) {
  try { await import(url); } catch (error) {
    // An entry for those who have an optional peer, as the one for vitest, is for nobody else.
    if (!optional.some((peer) => error.message.startsWith("Cannot find package '" + peer + "'"))) failed.push(name + ': ' + error.message);
  }
}
if (failed.length > 0) { console.error(failed.join('\\n')); process.exit(1); }
console.log(${entries.length});
process.exit(0);
`;
}

function optionalPeers({ peerDependenciesMeta = {} }) {
  return Object.keys(peerDependenciesMeta).filter((peer) => peerDependenciesMeta[peer].optional === true);
}
