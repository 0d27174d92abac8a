export { installTensorflow } from './install-tensorflow.js';
export type { InstallOptions } from './install-tensorflow.js';
export { findInstallation, installationsFolder } from './installation.js';
export type { Installation } from './installation.js';
