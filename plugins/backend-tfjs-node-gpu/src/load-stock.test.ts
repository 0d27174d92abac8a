import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadStock } from './load-stock.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nlakit-stock-'));
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** A package of that name and, if it is given, a file where its binding would be. */
async function stockPackage(name: string, binding?: string): Promise<string> {
  const place = join(folder, 'node_modules', name);
  await mkdir(join(place, 'lib/napi-v8'), { recursive: true });
  await writeFile(join(place, 'package.json'), JSON.stringify({ name, version: '4.21.0' }));
  if (binding !== undefined) await writeFile(join(place, 'lib/napi-v8/tfjs_binding.node'), binding);
  return place;
}

/** What is said of the packages in the working directory; beside this package lies one whose installer is not allowed to run. */
function reasonsThere(): readonly string[] {
  const reasons: string[] = [];
  expect(loadStock(reasons)).toBeUndefined();
  return reasons.filter((reason) => reason.includes(folder));
}

it('says nothing of packages that are not installed', () => {
  expect(reasonsThere()).toEqual([]);
});

it('says that the installer of a package did not succeed', async () => {
  const place = await stockPackage('@tensorflow/tfjs-node');
  expect(reasonsThere()).toEqual([
    `@tensorflow/tfjs-node 4.21.0 in ${place} has no lib/napi-v8/tfjs_binding.node: its installer did not run, or failed`,
  ]);
});

it('says what the system says of a binding that does not load, and goes on to the next package', async () => {
  const gpu = await stockPackage('@tensorflow/tfjs-node-gpu', 'no library');
  const plain = await stockPackage('@tensorflow/tfjs-node');
  const [first, second, ...more] = reasonsThere();
  expect(first).toMatch(/^@tensorflow\/tfjs-node-gpu 4\.21\.0 in .*tfjs_binding\.node: \w+/);
  expect(first).not.toContain('\n');
  expect(first).toContain(gpu);
  expect(second).toContain(`${plain} has no lib/napi-v8`);
  expect(more).toEqual([]);
});
