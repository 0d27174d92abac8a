export type { Mutant } from './mutant.js';
export { mutantsOf } from './mutants-of.js';
export { runMutants } from './run-mutants.js';
export type { MutantResult } from './run-mutants.js';
