import { describeMutants } from '../__fixtures__/describe-mutants.js';
import { toyPlugins } from '../__fixtures__/toy-plugins.js';

describeMutants(toyPlugins.backend, {});
describeMutants(toyPlugins.quantizer, {});
describeMutants(toyPlugins.model, {});
describeMutants(toyPlugins.injector, {});
describeMutants(toyPlugins.dataset, {});
