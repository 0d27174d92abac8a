export type { CorpusDocument } from './corpus-document.js';
export { openCorpus } from './read-corpus.js';
export type { Corpus } from './read-corpus.js';
export { sourceOptionsSchema } from './source-options.js';
