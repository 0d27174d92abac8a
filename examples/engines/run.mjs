// Trains the same small model by the same config on every engine of this machine, and compares losses, gradient norms and update norms
// step by step with those of wasm.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nla, root } from '../lib/nla.mjs';
import { showTargets, writeResults } from '../lib/results.mjs';

/** Largest relative difference that rounding in another order may come to over these steps. */
const tolerances = { loss: 1e-4, gradientNorm: 1e-2, updateNorm: 1e-2 };

const engines = [
  { name: 'wasm', use: '@nlakit/backend-wasm', options: [] },
  { name: 'tensorflow', use: '@nlakit/backend-tfjs-node-gpu', options: [] },
  { name: 'tensorflow, stock operations', use: '@nlakit/backend-tfjs-node-gpu', options: ['--set', 'backend.options.kernels=stock'] },
  // The software driver of a machine without a GPU will do: this is about numbers, not about speed.
  { name: 'webgpu', use: '@nlakit/backend-webgpu', options: ['--set', 'backend.options.allowSoftware=true'] },
];

const made = [];
for (const { name, use, options } of engines) {
  const folder = `runs/engines/${name.replace(/\W+/g, '-')}`;
  rmSync(join(root, folder), { recursive: true, force: true });
  const code = await nla(['run', 'examples/engines/nla.config.yaml', '--backend', use, '--run-dir', folder, ...options], {
    required: false,
  });
  if (code === 130) process.exit(code);
  if (code !== 0) {
    made.push({ name, use, failed: `exit code ${code}` });
    continue;
  }
  const events = readFileSync(join(root, folder, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const steps = events.filter(({ type, role }) => type === 'step' && role !== undefined);
  const { backend } = JSON.parse(readFileSync(join(root, folder, 'run.json'), 'utf8'));
  made.push({ name, use, options: backend.options, steps: steps.map(({ role, step, figures }) => ({ role, step, ...figures })) });
}

const [reference] = made;
if (reference.failed !== undefined) throw new Error(`wasm did not train: ${reference.failed}`);
const lastLoss = (steps, role) => steps.filter((one) => one.role === role).at(-1).loss;
const targets = [];
const table = [];
for (const { name, failed, steps } of made) {
  if (failed !== undefined) {
    table.push([name, 'did not run here', '', '', '', '']);
    continue;
  }
  const differences = Object.fromEntries(
    Object.keys(tolerances).map((figure) => [
      figure,
      Math.max(...steps.map((one, at) => Math.abs(one[figure] - reference.steps[at][figure]) / Math.abs(reference.steps[at][figure]))),
    ]),
  );
  const seconds = steps.reduce((sum, one) => sum + one.seconds, 0);
  table.push([
    name,
    lastLoss(steps, 'ar').toFixed(6),
    lastLoss(steps, 'av').toFixed(6),
    ...Object.keys(tolerances).map((figure) => (name === 'wasm' ? '' : differences[figure].toExponential(1))),
    seconds.toFixed(1),
  ]);
  if (name === 'wasm') continue;
  for (const [figure, limit] of Object.entries(tolerances)) {
    const met = steps.length === reference.steps.length && differences[figure] <= limit;
    targets.push({ what: `${name}: ${figure} against wasm`, measured: differences[figure].toExponential(1), target: `<= ${limit}`, met });
  }
}
const met = showTargets(targets);
if (process.argv.includes('--keep-results')) {
  process.stdout.write(`results: ${writeResults('engines', { met, tolerances, engines: made })}\n`);
  const header = [
    'engine',
    'AR loss, step 20',
    'AV loss, step 20',
    'largest difference: loss',
    'gradient norm',
    'update norm',
    'seconds of training',
  ];
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const text = `# The same config on every engine

Twenty steps of each role of \`examples/engines/nla.config.yaml\`, in which only \`backend.use\` was exchanged. Differences are relative, against
wasm, the largest of all steps. Written by \`npx -y pnpm@10 engines --keep-results\`; every step is in \`engines.json\`.

${[line(header), line(header.map(() => '---')), ...table.map(line)].join('\n')}
`;
  writeFileSync(join(root, 'docs/results/engines.md'), text);
}
process.exitCode = met ? 0 : 1;
