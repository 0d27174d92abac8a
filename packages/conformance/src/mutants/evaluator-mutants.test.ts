import { recomputeH5, type StoredH5 } from '../../../recheck/src/h5.js';
import { plugin as h5 } from '../../../../plugins/evaluator-h5/src/plugin.js';
import { describeMutants } from '../__fixtures__/describe-mutants.js';
import { exampleEvaluator, meanCosine } from '../__fixtures__/example-evaluator.js';

describeMutants(exampleEvaluator, { recompute: ({ rows }) => ({ mean: meanCosine(rows) }) });
describeMutants(
  h5,
  {
    options: { maxNewTokens: 12, bootstrap: 100, permutations: 100 },
    recompute: (stored) => recomputeH5(stored as unknown as StoredH5),
  },
  ['slow'],
);
