export * from './describe-domain-kernels.js';
export * from './test-runner.js';
