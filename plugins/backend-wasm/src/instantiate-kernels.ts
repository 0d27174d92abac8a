import { setFlagsFromString } from 'node:v8';
import { plainKernels, relaxedKernels } from './generated/kernels.js';
import type { KernelExports } from './kernel-exports.js';
import { withSharedMemory } from './shared-memory.js';
import { webAssembly } from './web-assembly.js';
import type { WasmMemory, WasmModule } from './web-assembly.js';

/** Which of the two builds of the kernels runs: `relaxed` uses fused multiply-add where the machine has it. */
export type KernelBuild = 'plain' | 'relaxed';

const encoded: Readonly<Record<KernelBuild, string>> = { plain: plainKernels, relaxed: relaxedKernels };
const modules = new Map<string, WasmModule>();

/** Whether this JavaScript engine can run relaxed SIMD (V8 by itself from Node 22 on, see {@link acceptingRelaxedSimd} for Node 20). */
export function supportsRelaxedSimd(): boolean {
  relaxed ??= acceptingRelaxedSimd(() => webAssembly.validate(decode('relaxed')));
  return relaxed;
}

let relaxed: boolean | undefined;

/**
 * The V8 of Node 20 (11.3) has relaxed SIMD as it was switched on in the next release, but accepts it only under a flag. The flag is read
 * when a module is compiled, not when it runs, so it is set for as long as that takes and no other module of the process ever sees it.
 */
function acceptingRelaxedSimd<Result>(compile: () => Result): Result {
  // Where it is accepted already, as from Node 22 on or because the process was started with the flag, that is left alone.
  if (!process.versions.v8.startsWith('11.3.') || webAssembly.validate(decode('relaxed'))) return compile();
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  try {
    return compile();
  } finally {
    setFlagsFromString('--no-experimental-wasm-relaxed-simd');
  }
}

/** The kernels of one build, computing in `memory`. They own no part of it. */
export function instantiateKernels(build: KernelBuild, memory: WasmMemory): KernelExports {
  const module = kernelModule(build, memory);
  return new webAssembly.Instance(module, { env: { memory } }).exports as KernelExports;
}

/** The compiled module of one build, for that kind of memory. */
export function kernelModule(build: KernelBuild, { buffer }: WasmMemory): WasmModule {
  const shared = buffer instanceof SharedArrayBuffer;
  const key = shared ? `${build}, shared` : build;
  let compiled = modules.get(key);
  if (compiled === undefined) {
    const bytes = decode(build);
    const module = shared ? withSharedMemory(bytes) : bytes;
    compiled = acceptingRelaxedSimd(() => new webAssembly.Module(module));
    modules.set(key, compiled);
  }
  return compiled;
}

function decode(build: KernelBuild): Uint8Array {
  return Uint8Array.from(Buffer.from(encoded[build], 'base64'));
}
