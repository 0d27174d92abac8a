export * from './describe-domain-kernels.js';
export * from './test-runner.js';
export * from './dirty-memory.js';
