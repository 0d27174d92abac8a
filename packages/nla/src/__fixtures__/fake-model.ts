export { createToyModel as fakeModel } from '../../../conformance/src/toy/toy-model.js';
