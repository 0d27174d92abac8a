export { plugin, plugin as default } from './plugin.js';
export { createTensorflowBackend } from './create-tensorflow-backend.js';
export type { TensorflowBackendOptions } from './options.js';
