export { toyTokenizer as fakeTokenizer } from '../../../conformance/src/toy/toy-tokenizer.js';
