import { definePlugin, type PluginKind, type SeamMap, type StandardSchema } from '@nlakit/core';
import { plainQuantizer } from '@nlakit/ops';
import { describeConformance } from '../vitest.js';
import { createToyInjector } from './toy-injector.js';
import { createToyModel } from './toy-model.js';
import { createToyDataset } from './toy-stage.js';

/** No options at all. */
const optionsSchema: StandardSchema<object> = {
  '~standard': {
    version: 1,
    vendor: 'toy',
    validate: (value) =>
      typeof value === 'object' && value !== null && Object.keys(value).length === 0
        ? { value: {} }
        : { issues: [{ message: 'takes no options' }] },
  },
};

function toyPlugin<Kind extends PluginKind>(kind: Kind, create: () => SeamMap[Kind]) {
  return definePlugin<Kind, object>({ kind, name: `toy ${kind}`, version: '1.0.0', optionsSchema, create });
}

// What other parts are tested with is tested like any other part.
describeConformance(
  toyPlugin('model', () => ({ describe: () => Promise.resolve(createToyModel().spec), load: () => Promise.resolve(createToyModel()) })),
);
describeConformance(toyPlugin('injector', () => createToyInjector()));
describeConformance(toyPlugin('dataset', () => createToyDataset()));
describeConformance(toyPlugin('quantizer', () => plainQuantizer({ dtype: 'f32' })));
