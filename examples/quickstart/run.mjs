// The quickstart: data, AR, AV, H5, report, publication into a folder; a few minutes on two cores.
import { join } from 'node:path';
import { nla, root } from '../lib/nla.mjs';
import { runFigures, showTargets, shown, writeResults } from '../lib/results.mjs';

const started = performance.now();
const run = 'runs/quickstart';
await nla(['run', 'examples/quickstart/nla.config.yaml', '--run-dir', run]);
await nla(['publish', run, '--to', 'directory', '--repo', 'nlakit/quickstart']);
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
process.stdout.write(`\n${seconds.toFixed(0)} s. Open the report: ${join(root, run, 'report/index.html')}\n`);
process.exitCode = met ? 0 : 1;
