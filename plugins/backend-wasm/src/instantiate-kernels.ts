import { plainKernels, relaxedKernels } from './generated/kernels.js';
import type { KernelExports } from './kernel-exports.js';
import { withSharedMemory } from './shared-memory.js';
import { webAssembly } from './web-assembly.js';
import type { WasmMemory, WasmModule } from './web-assembly.js';

/** Which of the two builds of the kernels runs: `relaxed` uses fused multiply-add where the machine has it. */
export type KernelBuild = 'plain' | 'relaxed';

const encoded: Readonly<Record<KernelBuild, string>> = { plain: plainKernels, relaxed: relaxedKernels };
const modules = new Map<string, WasmModule>();

/** Whether this JavaScript engine accepts relaxed SIMD (V8 from Node 22 on; Node 20 does not). */
export function supportsRelaxedSimd(): boolean {
  return modules.has('relaxed') || modules.has('relaxed, shared') || webAssembly.validate(decode('relaxed'));
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
    compiled = new webAssembly.Module(shared ? withSharedMemory(bytes) : bytes);
    modules.set(key, compiled);
  }
  return compiled;
}

function decode(build: KernelBuild): Uint8Array {
  return Uint8Array.from(Buffer.from(encoded[build], 'base64'));
}
