import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { keepHeapAccount } from './heap-account.js';
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
  /** Bytes of {@link scratch}: allocated, but no tensor. */
  readonly scratchBytes: number;
  /** A range of the heap for the matrix product. Kernels never run at the same time, so one is enough. */
  readonly scratch: number;
  build: KernelBuild;
  kernels: KernelExports;
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
  const engine: WasmEngine = { backend, account, scratchBytes, scratch: module._malloc(scratchBytes), build, kernels };
  Object.defineProperty(backend, key, { value: engine });
  return engine;
}

/** Changes the build of the kernels. */
export function selectBuild(engine: WasmEngine, build: KernelBuild): void {
  if (engine.build === build) return;
  engine.kernels = instantiateKernels(build, memoryOf(engine.backend));
  engine.build = build;
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
