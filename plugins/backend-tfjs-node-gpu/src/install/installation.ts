import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../package-root.js';

/** A binding that was built on this machine, and what it was built from. */
export interface Installation {
  /** Layout of this record; another number is not read. */
  readonly schema: 1;
  readonly folder: string;
  /** Version of TensorFlow as the library itself says it. */
  readonly tensorflow: string;
  /** Folder with `libtensorflow_cc.so.2` and `libtensorflow_framework.so.2`. */
  readonly libraries: string;
  /** Whether it found a GPU to compute on when it was installed. */
  readonly gpu: boolean;
  /** Hash of the sources that it was built from. */
  readonly sources: string;
  /** Processor it was built for: our kernels use all that it has. */
  readonly processor: string;
  readonly compiler: string;
  readonly installedAt: string;
}

/** Name of the record in the folder of an installation; written last. */
export const recordFile = 'installation.json';

/** The native module in the folder of an installation. */
export const moduleFile = 'nlakit.node';

/** Folders of our sources and of tfjs-node's, in this package. */
export const sourceFolders = { own: 'native', tfjsNode: 'src/generated/tfjs-node' } as const;

/** Folder of all installations: `NLAKIT_CACHE`, or `nlakit` in the cache folder of the user; there `tensorflow`. */
export function installationsFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env['NLAKIT_CACHE'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'nlakit'), 'tensorflow');
}

/** The processor, as far as compiled code depends on it. Home folders are shared between machines. */
export async function processorId(): Promise<string> {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const flags = /^flags\s*:(.*)$/m.exec(await readFile('/proc/cpuinfo', 'utf8').catch(() => ''))?.[1] ?? '';
  const digest = createHash('sha256').update(`${model}\n${flags.trim()}`).digest('hex').slice(0, 8);
  return `${process.platform}-${process.arch}-${digest}`;
}

/** Hash of the C++ sources that this package brings. */
export async function sourcesId(): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of Object.values(sourceFolders)) {
    const names = (await readdir(join(packageRoot, folder))).filter((name) => /\.(cc|h)$/.test(name)).sort();
    for (const name of names) hash.update(await readFile(join(packageRoot, folder, name)));
  }
  return hash.digest('hex').slice(0, 12);
}

/** Name of the folder of an installation: all that it depends on. */
export function installationName({ tensorflow, libraries, processor, sources }: Omit<Installation, 'folder'>): string {
  const place = createHash('sha256').update(libraries).digest('hex').slice(0, 8);
  return `${tensorflow}-nlakit-${sources}-${processor}-${place}`;
}

/** The record in a folder, or why there is none that can be used here. */
export async function readInstallation(folder: string): Promise<Installation | string> {
  let record: Partial<Installation>;
  try {
    record = JSON.parse(await readFile(join(folder, recordFile), 'utf8')) as Partial<Installation>;
  } catch {
    return `${folder} holds no finished installation`;
  }
  if (record.schema !== 1 || typeof record.libraries !== 'string') return `${folder} was written by another version`;
  if (record.sources !== (await sourcesId())) return `${folder} was built from the sources of another version`;
  const processor = await processorId();
  if (record.processor !== processor) return `${folder} was built on another kind of machine (${record.processor}, this is ${processor})`;
  for (const name of [join(folder, moduleFile), record.libraries]) {
    if (!(await stat(name).catch(() => undefined))) return `${name} is gone`;
  }
  return { ...(record as Installation), folder };
}

/**
 * The installation to use: the one in `folder` if it is given, else the newest of {@link installationsFolder} that fits this machine and
 * this version. Returns the reasons if there is none.
 */
export async function findInstallation(folder?: string): Promise<Installation | readonly string[]> {
  if (folder !== undefined) {
    const found = await readInstallation(folder);
    return typeof found === 'string' ? [found] : found;
  }
  const root = installationsFolder();
  const names = await readdir(root).catch(() => []);
  const reasons = new Map<string, string[]>();
  const usable: Installation[] = [];
  for (const name of names.filter((entry) => entry.includes('-nlakit-'))) {
    const place = join(root, name);
    const found = await readInstallation(place);
    if (typeof found !== 'string') {
      usable.push(found);
      continue;
    }
    // Of many versions that came and went it is enough to know how many there are.
    const reason = found.replace(place, '…');
    reasons.set(reason, [...(reasons.get(reason) ?? []), found]);
  }
  usable.sort((a, b) => b.installedAt.localeCompare(a.installedAt));
  if (usable[0] !== undefined) return usable[0];
  if (reasons.size === 0) return [`nothing is installed in ${root}`];
  return [...reasons].map(([reason, all]) => (all.length === 1 ? (all[0] as string) : `${all.length} installations in ${root}: ${reason}`));
}
