export * from './excerpts.js';
export * from './explanation.js';
export * from './held-out.js';
export * from './lexicographer-files.js';
export * from './read-wordnet.js';
export * from './synset.js';
