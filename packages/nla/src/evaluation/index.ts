export * from './check-held-out.js';
export * from './check-pair.js';
export * from './explained-rows.js';
export * from './stored-effect.js';
export * from './training-reference.js';
export * from './with-evaluation.js';
