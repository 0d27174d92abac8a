// The quickstart: data, AR, AV, H5, report, publication into a folder; a few minutes on two cores.
import { nla } from '../lib/nla.mjs';
import { runFigures, showTargets, shown, writeResults } from '../lib/results.mjs';

const started = performance.now();
const run = 'runs/quickstart';
await nla(['quickstart', 'examples/quickstart', '--run-dir', run]);
const seconds = (performance.now() - started) / 1000;

const figures = runFigures(run);
const { summary } = figures.evaluations.h5.at(-1);
const difference = summary.differences.SHUFFLED;
const met = showTargets([
  {
    what: `AV_OUT - SHUFFLED, mean cosine over ${summary.n} held-out rows`,
    measured: shown(difference),
    target: '>= 0.15, interval above 0',
    met: difference.value >= 0.15 && difference.low > 0,
  },
]);
if (process.argv.includes('--keep-results')) process.stdout.write(`results: ${writeResults('quickstart', { seconds, run: figures })}\n`);
process.exitCode = met ? 0 : 1;
