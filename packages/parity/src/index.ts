export * from './parity-row.js';
export * from './repository.js';
