// The trajectory experiment at tiny scale, with its content-blind twin; about 10 minutes on two cores.
// Figures go to docs/results/tiny-trajectory.json, the report to docs/results/tiny-trajectory/.
import { join } from 'node:path';
import { nla, root } from '../lib/nla.mjs';
import { keepReport, runFigures, showTargets, shown, writeResults } from '../lib/results.mjs';

const started = performance.now();
const run = 'runs/tiny-trajectory';
const twinRun = 'runs/tiny-trajectory-blind';
// Data and AR first; then the AV and its blind twin, which share both, beside each other: one core each.
const config = ['examples/tiny-trajectory/nla.config.yaml', '--run-dir', run];
await nla(['train', ...config, '--role', 'ar', '--resume']);
await Promise.all([
  nla(['run', ...config]),
  nla(['run', 'examples/tiny-trajectory/blind-twin.config.yaml', '--run-dir', twinRun], { log: 'runs/tiny-trajectory-blind.log' }),
]);
await nla(['publish', run, '--to', 'directory', '--repo', 'nlakit/tiny-trajectory']);
const seconds = (performance.now() - started) / 1000;

const figures = runFigures(run);
const twin = runFigures(twinRun);
const { summary } = figures.evaluations.h5.at(-1);
const blind = twin.evaluations.h5.at(-1).summary;
const { SHUFFLED: shuffled, MEAN: mean, SWAP_TOPIC: swapTopic } = summary.differences;
const goldFve = summary.conditions.GOLD.fveNrm;
const twinShuffled = blind.differences.SHUFFLED;
const twinMean = blind.differences.MEAN;
const targets = [
  { what: `rows, held out by synset`, measured: String(summary.n), target: '>= 200', met: summary.n >= 200 },
  { what: 'AR on gold explanations, fve_nrm', measured: goldFve.toFixed(3), target: '>= 0.50', met: goldFve >= 0.5 },
  {
    what: 'AV_OUT - SHUFFLED',
    measured: shown(shuffled),
    target: '>= 0.30, interval above 0',
    met: shuffled.value >= 0.3 && shuffled.low > 0,
  },
  { what: 'AV_OUT - MEAN', measured: shown(mean), target: '>= 0.10', met: mean.value >= 0.1 },
  { what: 'AV_OUT - SWAP_TOPIC', measured: shown(swapTopic), target: 'interval above 0', met: swapTopic.low > 0 },
  { what: 'blind twin: |AV_OUT - SHUFFLED|', measured: shown(twinShuffled), target: '< 0.05', met: Math.abs(twinShuffled.value) < 0.05 },
  { what: 'blind twin: AV_OUT - MEAN', measured: shown(twinMean), target: 'below 0', met: twinMean.value < 0 },
];
const met = showTargets(targets);
process.stdout.write(`\nresults: ${writeResults('tiny-trajectory', { seconds, targets, run: figures, blindTwin: twin })}\n`);
process.stdout.write(`report:  ${keepReport(run, 'tiny-trajectory')}\n`);
process.stdout.write(`${seconds.toFixed(0)} s. The run with all rows: ${join(root, run)}\n`);
process.exitCode = met ? 0 : 1;
