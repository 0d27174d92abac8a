export { plugin, plugin as default } from './plugin.js';
export { createWebgpuBackend } from './create-webgpu-backend.js';
export type { WebgpuBackendOptions } from './options.js';
