export { plugin, plugin as default } from './plugin.js';
export { createWasmBackend } from './create-wasm-backend.js';
export { benchmarkMatMul } from './benchmark-mat-mul.js';
export type { MatMulBenchmark } from './benchmark-mat-mul.js';
export { supportsRelaxedSimd } from './instantiate-kernels.js';
export type { KernelBuild } from './instantiate-kernels.js';
export type { WasmBackendOptions } from './options.js';
