import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { withSharedMemory } from './shared-memory.js';
import { webAssembly } from './web-assembly.js';

/** The build of tfjs-backend-wasm that Node runs: every supported Node has SIMD, and tfjs uses no threads there. */
const file = 'tfjs-backend-wasm-simd.wasm';

/**
 * Starts the tfjs backend `wasm` and makes it current; false if it could not be. With `shared` its heap is a memory that threads can share,
 * where this process can have one: the same module with a memory of another kind. (tfjs has a build with threads of its own, but runs it
 * in browsers only.)
 */
export async function startHeap(shared: boolean): Promise<boolean> {
  const folder = `${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}${sep}`;
  if (!shared || !canShare()) {
    setWasmPaths(folder);
    return tf.setBackend('wasm');
  }
  const binary = withSharedMemory(await readFile(folder + file));
  // tfjs reads its module through the platform's fetch if it is told to; for this one start that hands it the changed module.
  const { platform } = tf.env();
  const fetch = platform.fetch.bind(platform);
  platform.fetch = async (path, init) => (path === folder + file ? new Response(binary) : fetch(path, init));
  setWasmPaths(folder, true);
  try {
    return await tf.setBackend('wasm');
  } finally {
    platform.fetch = fetch;
  }
}

/** Whether this process gets a shared memory of the size tfjs asks for: its whole address range is reserved at once. */
function canShare(): boolean {
  try {
    return new webAssembly.Memory({ initial: 1, maximum: 65536, shared: true }).buffer instanceof SharedArrayBuffer;
  } catch {
    return false;
  }
}
