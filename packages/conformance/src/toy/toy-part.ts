import { NlaError, type PluginKind, type SeamMap } from '@nlakit/core';
import { plainQuantizer } from '@nlakit/ops';
import { createToyInjector } from './toy-injector.js';
import { createToyModel } from './toy-model.js';
import { createToyBackend, createToyDataset } from './toy-stage.js';

/** The toy of a kind, for a plugin that needs one. Throws `E_CONFORMANCE` for a kind that the fixtures must bring. */
export function createToyPart<Kind extends PluginKind>(kind: Kind): SeamMap[Kind] {
  const toys: { readonly [Toy in PluginKind]?: () => SeamMap[Toy] } = {
    backend: createToyBackend,
    quantizer: () => plainQuantizer({ dtype: 'f32' }),
    model: () => ({ describe: () => Promise.resolve(createToyModel().spec), load: () => Promise.resolve(createToyModel()) }),
    injector: createToyInjector,
    dataset: createToyDataset,
  };
  const make = toys[kind];
  if (make === undefined) {
    throw new NlaError('E_CONFORMANCE', { message: `The plugin needs a ${kind}; name one in the fixtures' \`parts\`.`, kind: 'input' });
  }
  return make();
}
