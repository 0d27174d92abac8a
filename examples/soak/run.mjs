// 2,000 steps of each role: live tensors, memory of the backend and of this process every 50 steps, and whether they grow.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { runDataStage, runTrainStage, startSession } from '@nlakit/run';
import { cliHost, createTerminalLogger, processIo } from 'nlakit';
import { root } from '../lib/nla.mjs';
import { showTargets, writeResults } from '../lib/results.mjs';

const sampleEvery = 50;
/** Steps before everything that is made once has been made: caches, pools, compiled code. */
const warmUp = 500;
/** A process may grow that much for every thousand steps without being taken for leaking. */
const allowedPerThousand = { rss: 16 * 2 ** 20, heap: 2 * 2 ** 20 };

if (globalThis.gc === undefined) throw new Error('Start with node --expose-gc: the heap is measured after a collection.');
const folder = join(root, 'runs/soak');
rmSync(folder, { recursive: true, force: true });
const samples = { ar: [], av: [] };
const io = processIo();
const log = createTerminalLogger(io);
const session = await startSession(join(root, 'examples/soak/nla.config.yaml'), {
  host: cliHost(),
  runFolder: folder,
  log,
  signal: io.signal,
  onEvent: (event) => {
    if (event.stage !== 'train' || event.type !== 'step' || event.step % sampleEvery !== 0) return;
    globalThis.gc();
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    const { tensors, memoryBytes } = event.figures;
    samples[event.role].push({ step: event.step, tensors, backendBytes: memoryBytes, rss, heap: heapUsed, arrayBuffers });
  },
});
const started = performance.now();
try {
  await runDataStage(session);
  for (const role of ['ar', 'av']) await runTrainStage(session, { role });
} finally {
  log.end();
  await session.dispose();
}
const seconds = (performance.now() - started) / 1000;

/** Growth for every thousand steps after the warm-up, by least squares. */
function growth(role, field) {
  const after = samples[role].filter(({ step }) => step > warmUp);
  const mean = (of) => after.reduce((sum, one) => sum + of(one), 0) / after.length;
  const [centre, level] = [mean(({ step }) => step), mean((one) => one[field])];
  const covariance = mean((one) => (one.step - centre) * (one[field] - level));
  return (1000 * covariance) / mean(({ step }) => (step - centre) ** 2);
}

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
const results = {};
const targets = [];
for (const role of ['ar', 'av']) {
  const after = samples[role].filter(({ step }) => step > warmUp);
  const tensors = [...new Set(after.map((one) => one.tensors))];
  const backendBytes = [...new Set(after.map((one) => one.backendBytes))];
  const perThousandSteps = { rss: growth(role, 'rss'), heap: growth(role, 'heap') };
  results[role] = { steps: samples[role].at(-1)?.step ?? 0, warmUp, tensors, perThousandSteps, samples: samples[role] };
  targets.push(
    { what: `${role}: live tensors`, measured: tensors.join(', '), target: 'one number', met: tensors.length === 1 },
    {
      what: `${role}: bytes on the backend`,
      measured: backendBytes.map(mebibytes).join(', '),
      target: 'one number',
      met: backendBytes.length === 1,
    },
    ...Object.entries(allowedPerThousand).map(([field, allowed]) => ({
      what: `${role}: growth of ${field} in 1000 steps`,
      measured: mebibytes(perThousandSteps[field]),
      target: `< ${mebibytes(allowed)}`,
      met: perThousandSteps[field] < allowed,
    })),
  );
}
const flat = showTargets(targets);
if (process.argv.includes('--keep-results')) process.stdout.write(`results: ${writeResults('soak', { seconds, flat, ...results })}\n`);
process.exitCode = flat ? 0 : 1;
