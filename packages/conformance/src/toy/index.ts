export { toyActivationRows } from './toy-activations.js';
export { createToyInjector } from './toy-injector.js';
export { createToyModel } from './toy-model.js';
export type { ToyModel } from './toy-model.js';
export { createToyBackend, createToyDataset, createToyStage, silentLogger, toyContract, toyRows } from './toy-stage.js';
export type { ToyStageOptions } from './toy-stage.js';
export { toyStep, writeToyRun } from './toy-run.js';
export type { ToyRun } from './toy-run.js';
export { toyTokenizer, toyVocabulary } from './toy-tokenizer.js';
