// The experiments of this folder, or those that are named; about four minutes each on two cores. With --keep-results their results go to
// docs/results/experiments/.
import { nla } from '../lib/nla.mjs';

const all = ['label-quality', 'step-trend', 'scale-up'];
const named = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const keep = process.argv.includes('--keep-results');
for (const name of named.length > 0 ? named : all) {
  const folders = ['--run-dir', `runs/experiments/${name}`, ...(keep ? ['--out', `docs/results/experiments/${name}`] : [])];
  await nla(['experiment', `examples/experiments/${name}.experiment.yaml`, ...folders]);
}
