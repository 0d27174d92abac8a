import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { keepHeapAccount } from './heap-account.js';
import { startHelpingThreads } from './helping-threads.js';
import type { HelpingThreads } from './helping-threads.js';
import type { HeapAccount, HeapModule } from './heap-account.js';
import { instantiateKernels } from './instantiate-kernels.js';
import type { KernelBuild } from './instantiate-kernels.js';
import type { KernelExports } from './kernel-exports.js';
import { webAssembly } from './web-assembly.js';
import type { WasmMemory } from './web-assembly.js';

/** Our kernels and our account on the heap of one tfjs wasm backend. */
export interface WasmEngine {
  readonly backend: BackendWasm;
  readonly account: HeapAccount;
  /** Bytes of {@link scratch} and of the helping threads: allocated, but no tensor. */
  scratchBytes: number;
  /** A range of the heap for the matrix product. Kernels never run at the same time, so one is enough. */
  readonly scratch: number;
  build: KernelBuild;
  kernels: KernelExports;
  /** Threads that help with products; `undefined` when there are none. */
  helpers: HelpingThreads | undefined;
}

/** A symbol of the whole process and no module variable: two copies of this package must find the same engine on a backend. */
const key = Symbol.for('nlakit.backend-wasm.engine');

/** Fields of the Emscripten module that its type declarations leave out. */
interface EmscriptenModule extends HeapModule {
  readonly asm: Readonly<Record<string, unknown>>;
  readonly HEAPU8: Uint8Array;
}

/** The Emscripten module of the backend. Its views are replaced whenever the heap grows: never keep one. */
export function moduleOf(backend: BackendWasm): EmscriptenModule {
  return backend.wasm as unknown as EmscriptenModule;
}

/** The engine on this backend, if there is one. */
export function findEngine(backend: object): WasmEngine | undefined {
  return (backend as Record<symbol, WasmEngine | undefined>)[key];
}

/** Puts an engine on a backend that has none. */
export function attachEngine(backend: BackendWasm, build: KernelBuild, maxHeapBytes: number): WasmEngine {
  const module = moduleOf(backend);
  const account = keepHeapAccount(module, maxHeapBytes);
  const kernels = instantiateKernels(build, memoryOf(backend));
  const scratchBytes = kernels.gemmScratchBytes();
  const engine: WasmEngine = { backend, account, scratchBytes, scratch: module._malloc(scratchBytes), build, kernels, helpers: undefined };
  Object.defineProperty(backend, key, { value: engine });
  return engine;
}

/**
 * Makes the engine run that build of the kernels on that many threads. On a heap that is not shared there is only the main one.
 */
export function configureEngine(engine: WasmEngine, build: KernelBuild, threads: number): void {
  const memory = memoryOf(engine.backend);
  const helping = memory.buffer instanceof SharedArrayBuffer ? threads - 1 : 0;
  if (engine.build === build && (engine.helpers?.count ?? 0) === helping) return;
  dismissHelpers(engine);
  if (engine.build !== build) engine.kernels = instantiateKernels(build, memory);
  engine.build = build;
  if (helping === 0) return;
  const module = moduleOf(engine.backend);
  engine.helpers = startHelpingThreads({ kernels: engine.kernels, module, memory, build, count: helping });
  engine.scratchBytes += engine.helpers.bytes;
}

/** Ends the helping threads, if there are any. */
export function dismissHelpers(engine: WasmEngine): void {
  if (engine.helpers === undefined) return;
  engine.helpers.dismiss();
  engine.helpers = undefined;
}

/** Byte offset of a tensor in the heap. */
export function addressOf(engine: WasmEngine, tensor: TensorInfo): number {
  return engine.backend.dataIdMap.get(tensor.dataId).memoryOffset;
}

function memoryOf(backend: BackendWasm): WasmMemory {
  const memory = Object.values(moduleOf(backend).asm).find((value) => value instanceof webAssembly.Memory);
  if (memory === undefined) throw new Error('tfjs-backend-wasm exports no memory: its version is not the one this package was written for');
  return memory;
}
