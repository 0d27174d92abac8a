export type { CorpusDocument, CorpusSource } from './corpus-document.js';
export { openSource } from './open-source.js';
export { openCorpus } from './read-corpus.js';
export type { Corpus, CorpusReading } from './read-corpus.js';
export { sourceOptionsSchema } from './source-options.js';
export type { SourceOptions } from './source-options.js';
