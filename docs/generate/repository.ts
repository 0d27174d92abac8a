import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds `packages/`, `plugins/` and `docs/`. */
export const repositoryFolder = fileURLToPath(new URL('../../', import.meta.url));

/** The folder of the site's pages. */
export const docsFolder = path.join(repositoryFolder, 'docs');

/** One package of the workspace. */
export interface WorkspacePackage {
  /** From the repository's folder: `plugins/evaluator-h5`. */
  readonly folder: string;
  readonly name: string;
  readonly description: string;
  /** Whether it goes to the registry. */
  readonly published: boolean;
}

/** The packages below `packages/` and `plugins/`, by folder. */
export function workspacePackages(): readonly WorkspacePackage[] {
  return ['packages', 'plugins'].flatMap((room) =>
    readdirSync(path.join(repositoryFolder, room), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${room}/${entry.name}`)
      .sort()
      .flatMap((folder) => {
        const manifest = manifestOf(folder);
        if (manifest === undefined) return [];
        const { name, description = '', private: hidden = false } = manifest;
        return [{ folder, name, description, published: !hidden }];
      }),
  );
}

/** The product's own sources of a package: no tests, fixtures or generated files. Paths are from the repository's folder. */
export function sourceFiles(folder: string): readonly string[] {
  const found: string[] = [];
  const walk = (inner: string): void => {
    for (const entry of readdirSync(path.join(repositoryFolder, inner), { withFileTypes: true })) {
      const file = `${inner}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!['__fixtures__', 'generated', 'test-support'].includes(entry.name)) walk(file);
      } else if (/\.ts$/.test(entry.name) && !/\.(test|test-d|d)\.ts$/.test(entry.name)) {
        found.push(file);
      }
    }
  };
  walk(`${folder}/src`);
  return found.sort();
}

/** The text of a file of the repository. */
export function readRepositoryFile(file: string): string {
  return readFileSync(path.join(repositoryFolder, file), 'utf8');
}

interface Manifest {
  readonly name: string;
  readonly description?: string;
  readonly private?: boolean;
}

function manifestOf(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readRepositoryFile(`${folder}/package.json`)) as Manifest;
  } catch {
    return undefined;
  }
}
