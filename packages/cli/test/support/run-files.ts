import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readSidecar } from '@nlakit/sidecar';
import { expect } from 'vitest';

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** Paths of all files below a folder, hidden ones too, sorted. */
export async function allFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Hash of every file below some folders of a run. */
export async function hashesOf(run: string, folders: readonly string[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const folder of folders) {
    for (const path of await allFiles(join(run, folder))) found[`${folder}/${path}`] = sha256(await readFile(join(run, folder, path)));
  }
  return found;
}

/** Checks that every checkpoint and every state that can be seen is whole. Returns how many there are. */
export async function expectWholeCheckpoints(run: string): Promise<number> {
  let count = 0;
  const visible = async (folder: string): Promise<string[]> =>
    (await readdir(join(run, folder)).catch(() => [])).filter((name) => !name.startsWith('.'));
  for (const folder of ['trajectory', 'reconstructor']) {
    for (const step of await visible(folder)) {
      const place = join(run, folder, step);
      const sidecar = await readSidecar(join(place, 'nla_meta.yaml'));
      if (sidecar.kind !== 'nla_model') throw new Error(`${place} has no sidecar of a model`);
      expect(sidecar.step).toBe(Number(step.slice('step_'.length)));
      expect(sidecar.training?.['steps_completed']).toBe(sidecar.step);
      const stated = Object.entries(sidecar.contentHash ?? {});
      expect((await allFiles(place)).filter((name) => name !== 'nla_meta.yaml')).toEqual(stated.map(([name]) => name).sort());
      for (const [name, hash] of stated) expect(sha256(await readFile(join(place, name)))).toBe(hash);
      count += 1;
    }
  }
  for (const folder of ['resume/ar', 'resume/av']) {
    for (const step of await visible(folder)) {
      const place = join(run, folder, step);
      const sums = (await readFile(join(place, 'SHA256SUMS'), 'utf8')).trim().split('\n');
      expect(sums).toHaveLength(2);
      for (const line of sums) expect(sha256(await readFile(join(place, line.slice(66))))).toBe(line.slice(0, 64));
      count += 1;
    }
  }
  return count;
}
