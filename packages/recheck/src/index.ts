export { recheck } from './recheck.js';
export type { Recheck } from './recheck.js';
export type { Comparison, Difference } from './compare.js';
export { recomputeH5 } from './h5.js';
export type { StoredH5 } from './h5.js';
