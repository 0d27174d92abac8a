export { createToyModel as fakeModel, type ToyModel as FakeModel } from '../../../conformance/src/toy/toy-model.js';
