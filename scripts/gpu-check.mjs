// Checks and measures the webgpu backend where scripts/pack-gpu-check.mjs was unpacked, and prints one table:
// `node gpu-check.mjs [--peak-tflops 60] [--lengths 128,512] [--allow-software] [--only conformance,tiny-step,generate,e2b-step]`.
// `--peak-tflops`, the f32 peak of the card, adds how much of it a step reaches.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    'peak-tflops': { type: 'string' },
    lengths: { type: 'string', default: '128,512' },
    'allow-software': { type: 'boolean', default: false },
    only: { type: 'string', default: 'conformance,tiny-step,generate,e2b-step' },
  },
});
const folder = import.meta.dirname;
const backend = '@nlakit/backend-webgpu';
const wanted = values.only.split(',');
const software = values['allow-software'];

/** Weights of the linears of Gemma-4-E2B's decoder. Each is multiplied three times: forward, once more for checkpointing, and for dx. */
const linearWeights = 1.88e9;

/** One command of nla with `--json`; an answer that is no JSON is its error. */
function nla(...args) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(folder, 'dist/bin.js'), ...args, '--json'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  process.stderr.write(stderr);
  try {
    return { answer: JSON.parse(stdout), status };
  } catch {
    return { answer: { error: { message: stderr.trim().split('\n').at(-1) ?? stdout } }, status };
  }
}

const rows = [['what', 'result', 'seconds', 'of the peak']];
const failed = (what, answer) => rows.push([what, (answer.error?.message ?? 'failed').split('\n').slice(0, 2).join(' '), '', '']);

if (wanted.includes('conformance')) {
  const options = join(folder, 'conformance-options.json');
  writeFileSync(options, JSON.stringify({ allowSoftware: software }));
  const { answer } = nla('conformance', backend, '--options', options);
  if (answer.passed === undefined) failed('conformance', answer);
  else {
    rows.push(['conformance', `${answer.passed} passed, ${answer.failed} failed, ${answer.skipped} skipped`, '', '']);
    for (const one of answer.cases.filter(({ outcome }) => outcome === 'failed'))
      rows.push([`  ${one.name}`, one.reason.split('\n')[0], '', '']);
    rows.push(['matMul 512', `${answer.facts.gflops.toFixed(0)} GFLOP/s`, '', share(answer.facts.gflops * 1e9)]);
  }
}

function share(flops) {
  const peak = Number(values['peak-tflops'] ?? NaN) * 1e12;
  return Number.isFinite(peak) ? `${((100 * flops) / peak).toFixed(1)} %` : '';
}

function bench(name, ...args) {
  const { answer } = nla(
    'bench',
    name,
    '--backend',
    backend,
    ...(software ? ['--set', 'backend.options.allowSoftware=true'] : []),
    ...args,
  );
  if (answer.rows === undefined) return failed(name, answer);
  for (const { what, seconds, rate, rateUnit, details } of answer.rows) {
    const tokens = name === 'e2b-step' ? details.tokens : undefined;
    const reached = tokens === undefined ? '' : share((6 * linearWeights * tokens) / seconds.median);
    rows.push([`${name}: ${what}`, rate === undefined ? '' : `${rate.toFixed(1)} ${rateUnit}`, seconds.median.toFixed(3), reached]);
  }
}

if (wanted.includes('tiny-step')) bench('tiny-step');
if (wanted.includes('generate')) bench('generate');
if (wanted.includes('e2b-step')) for (const length of values.lengths.split(',')) bench('e2b-step', '--length', length, '--warmup', '1');

const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
console.log([line(rows[0]), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.slice(1).map(line)].join('\n'));
