import { Worker } from 'node:worker_threads';
import type { HeapModule } from './heap-account.js';
import { kernelModule } from './instantiate-kernels.js';
import type { KernelBuild } from './instantiate-kernels.js';
import type { KernelExports } from './kernel-exports.js';
import type { WasmMemory } from './web-assembly.js';

/** Threads that compute pieces of products on a shared heap (`assembly/shared.ts` says how). */
export interface HelpingThreads {
  readonly count: number;
  /** Address of the block through which the threads are given work. */
  readonly control: number;
  /** Bytes of the heap that the control block and the threads' scratch occupy. */
  readonly bytes: number;
  /** Ends the threads. Their part of the heap is not given back: one of them may still be at work in it. */
  dismiss(): void;
}

/**
 * What a thread runs. Text and no file, so that it is the same from the sources and bundled; all it does is in the kernels. It waits inside
 * WebAssembly, where it hears no message: it is ended by the control block.
 */
const program = `
const { workerData: { module, memory, control, scratch } } = require('node:worker_threads');
const { serve, abandon } = new WebAssembly.Instance(module, { env: { memory } }).exports;
try {
  serve(control, scratch);
} catch (error) {
  abandon(control);
  throw error;
}
`;

/** Starts helping threads. They keep no process alive, and one that does not come up costs nothing but its help. */
export function startHelpingThreads(options: {
  readonly kernels: KernelExports;
  readonly module: HeapModule & { readonly HEAPU8: Uint8Array };
  readonly memory: WasmMemory;
  readonly build: KernelBuild;
  readonly count: number;
}): HelpingThreads {
  const { kernels, module, memory, build, count } = options;
  const controlBytes = kernels.controlBytes();
  const scratchBytes = kernels.gemmScratchBytes();
  // The control block and each scratch begin on a cache line of their own.
  const bytes = 64 + controlBytes + count * scratchBytes;
  const control = Math.ceil(module._malloc(bytes) / 64) * 64;
  module.HEAPU8.fill(0, control, control + controlBytes);
  for (let index = 0; index < count; index++) {
    const workerData = { module: kernelModule(build, memory), memory, control, scratch: control + controlBytes + index * scratchBytes };
    // Flags of the process, such as loaders and profilers, are not for these threads.
    const worker = new Worker(program, { eval: true, name: 'nlakit products', execArgv: [], workerData });
    worker.on('error', () => undefined);
    worker.unref();
  }
  return { count, control, bytes, dismiss: () => kernels.dismiss(control) };
}
