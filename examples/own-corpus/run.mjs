// A folder of .txt becomes a trained NLA: texts, activations, labels, AR, AV, H5, report.
// `--texts <folder>` takes yours in place of the one that is made out of WordNet.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { nla, root } from '../lib/nla.mjs';
import { runFigures, showTargets, shown, writeResults } from '../lib/results.mjs';
import { makeTexts } from './make-texts.mjs';

const { values } = parseArgs({ options: { texts: { type: 'string' }, 'keep-results': { type: 'boolean' } }, allowPositionals: true });
const run = 'runs/own-corpus';
const folder = join(root, 'examples/own-corpus/texts');
if (values.texts === undefined && !existsSync(folder)) process.stdout.write(`${await makeTexts(folder)} texts written to ${folder}\n`);

const texts = values.texts === undefined ? [] : ['--set', `dataset.options.sources.0.path=${resolve(values.texts)}`];
await nla(['run', 'examples/own-corpus/nla.config.yaml', '--run-dir', run, ...texts]);

const figures = runFigures(run);
const { summary, seconds: evaluationSeconds } = figures.evaluations.h5.at(-1);
// Of the stages, whenever they were done: a run that went on after an interruption counts whole.
const seconds = figures.seconds.data + figures.seconds.ar + figures.seconds.av + evaluationSeconds;
const difference = summary.differences.SHUFFLED;
const targets = [
  {
    what: `AV_OUT - SHUFFLED, mean cosine over ${summary.n} held-out rows`,
    measured: shown(difference),
    target: 'interval above 0',
    met: difference.low > 0,
  },
];
const met = showTargets(targets);
if (values['keep-results'] === true) process.stdout.write(`results: ${writeResults('own-corpus', { seconds, run: figures })}\n`);
process.stdout.write(`\n${seconds.toFixed(0)} s. Open the report: ${join(root, run, 'report/index.html')}\n`);
process.exitCode = met ? 0 : 1;
