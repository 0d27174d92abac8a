import { toyPlugins } from '../__fixtures__/toy-plugins.js';
import { describeConformance } from '../vitest.js';

// What other parts are tested with is tested like any other part.
describeConformance(toyPlugins.quantizer);
describeConformance(toyPlugins.model);
describeConformance(toyPlugins.injector);
describeConformance(toyPlugins.dataset);
