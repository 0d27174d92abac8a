// Gemma-4-E2B's whole geometry with random weights: written, quantised, run, planned and trained for one optimizer step.
// Figures go to docs/results/full-size.json.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { nla, nlaJson, root } from '../lib/nla.mjs';
import { showTargets, writeResults } from '../lib/results.mjs';

const { values } = parseArgs({
  options: { folder: { type: 'string', default: join(root, 'runs/full-size') }, length: { type: 'string', default: '512' } },
});
const folder = resolve(values.folder);
const [plain, packed] = [join(folder, 'bf16'), join(folder, 'nf4')];
const GiB = 2 ** 30;
const started = performance.now();

const written = existsSync(join(plain, 'config.json'))
  ? undefined
  : await nlaJson(['fake-checkpoint', '--config', 'packages/cli/src/bench/gemma-4-e2b.config.json', '--out', plain, '--seed', '1']);
const quantized = existsSync(join(packed, 'config.json'))
  ? undefined
  : await nlaJson(['quantize', '--model', plain, '--out', packed, '--double-quant']);

// The packed folder, and the plain one packed while it is loaded, must be the same model.
const tokens = '2,651,9731,262143,17';
const stored = await timed(() => nlaJson(['inspect', 'logits', '--model', packed, '--tokens', tokens]));
const packedNow = await timed(() => nlaJson(['inspect', 'logits', '--model', plain, '--quantizer', 'nf4', '--tokens', tokens]));
const difference = largestDifference(stored.result.logits, packedNow.result.logits);

const { plan } = await nlaJson(['doctor', '--model', packed]);
await nla(['doctor', '--model', packed]);
const { rows } = await nlaJson(['bench', 'e2b-step', '--model', packed, '--length', values.length]);
const [step] = rows;
process.stdout.write(`\n${JSON.stringify(step, null, 2)}\n`);

const targets = [
  ...(quantized === undefined
    ? []
    : [
        {
          what: 'quantising: peak memory of the process',
          measured: gibibytes(quantized.peakBytes),
          target: '< 1.5 GB',
          met: quantized.peakBytes < 1.5e9,
        },
      ]),
  { what: 'logits: packed folder against packed at load', measured: String(difference), target: '0', met: difference === 0 },
  {
    what: `one optimizer step, ${step.details.tokens} tokens: peak on the backend`,
    measured: gibibytes(step.backendPeakBytes),
    target: '< 4 GB',
    met: step.backendPeakBytes < 4e9,
  },
  {
    what: 'that peak over what nla doctor planned',
    measured: (step.backendPeakBytes / plan.peakBytes).toFixed(3),
    target: '0.90 to 1.10',
    met: values.length === '512' ? Math.abs(step.backendPeakBytes / plan.peakBytes - 1) <= 0.1 : true,
  },
];
const met = showTargets(targets);
const file = writeResults('full-size', {
  seconds: (performance.now() - started) / 1000,
  targets,
  checkpoint: written && { bytes: written.bytes, parameters: written.parameters, seconds: written.seconds },
  quantize: quantized && { ...quantized, folder: undefined, weightsPerSecond: quantized.weights / quantized.seconds },
  logits: { tokens, difference, secondsStored: stored.seconds, secondsPackedAtLoad: packedNow.seconds },
  plan,
  step,
});
process.stdout.write(`\nresults: ${file}\n`);
process.exitCode = met ? 0 : 1;

async function timed(work) {
  const before = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - before) / 1000 };
}

function largestDifference(one, other) {
  let largest = 0;
  one.forEach((row, position) => row.forEach((value, id) => (largest = Math.max(largest, Math.abs(value - other[position][id])))));
  return largest;
}

function gibibytes(bytes) {
  return `${(bytes / GiB).toFixed(2)} GiB`;
}
