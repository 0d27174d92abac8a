export * from './adamw.js';
export * from './check-gradients.js';
export * from './clip-gradients.js';
export * from './dynamic-map.js';
export * from './optimizer.js';
export * from './plain-updates.js';
export * from './schedule.js';
export * from './update-kernels.js';
