/**
 * Runs the table of benchmarks: every row of `benchmarks/rows.mjs` in a process of its own, beside a Python where one is named. What is
 * measured is written after each row, so that a run that is cut off keeps it. Run it on a quiet machine with `npx -y pnpm@10 benchmarks`;
 * `--help` lists the options.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, platform, arch, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { multipliesBf16, rows } from './benchmarks/rows.mjs';
import { judge, markdown } from './benchmarks/table.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const help = `npx -y pnpm@10 benchmarks [options]

  --python <path>    Python with torch, transformers, peft and bitsandbytes to measure beside; without it rows have no ratio
  --only <text,...>  only rows whose id holds one of these; the others stay as they are in the file
  --quick            a rehearsal: one short repeat of each
  --keep-results     write docs/results/benchmarks.json and .md (else runs/benchmarks/)
  --out <folder>     write them there
  --minutes <n>      time limit of one row (default: 15)
  --program <file>   the command line to run (default: the one built here)
  --list             the rows, and what each runs
`;
const { values: options } = parseArgs({
  options: {
    python: { type: 'string' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'keep-results': { type: 'boolean', default: false },
    out: { type: 'string' },
    minutes: { type: 'string', default: '15' },
    program: { type: 'string', default: join(root, 'packages/cli/dist/bin.js') },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(help);
  process.exit(0);
}

const parts = options.only?.split(',');
const chosen = rows.filter(({ id }) => parts === undefined || parts.some((part) => id.includes(part)));
if (chosen.length === 0 || !(Number(options.minutes) > 0)) {
  process.stderr.write(chosen.length === 0 ? `no row holds ${options.only}; see --list\n` : '--minutes is a number above 0\n');
  process.exit(2);
}
if (options.list) {
  for (const row of chosen) process.stdout.write(`${row.id}: ${commandOf(row)}\n`);
  process.exit(0);
}

const folder = resolve(options.out ?? join(root, options['keep-results'] ? 'docs/results' : 'runs/benchmarks'));
const logs = join(root, 'runs/benchmarks/logs');
for (const each of [folder, logs]) mkdirSync(each, { recursive: true });
const file = join(folder, 'benchmarks.json');
let peer;
const kept = parts === undefined ? [] : earlierRows();
const done = new Map(kept.map((row) => [row.id, row]));
const machine = {
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  memoryBytes: totalmem(),
  node: process.version,
  platform: `${platform()} ${arch()}`,
  multipliesBf16,
};
let interrupted = false;
process.on('SIGINT', () => (interrupted = true));

for (const row of chosen) {
  if (interrupted) break;
  process.stderr.write(`${row.id} …\n`);
  const started = performance.now();
  const loadBefore = loadavg()[0];
  const { peer: measuredPeer, ...record } = await measure(row);
  const seconds = (performance.now() - started) / 1000;
  if (measuredPeer !== undefined) peer = { ...measuredPeer, versions: { ...peer?.versions, ...measuredPeer.versions } };
  done.set(row.id, {
    id: row.id,
    command: commandOf(row),
    ...record,
    seconds,
    loadBefore,
    loadAfter: loadavg()[0],
  });
  write();
  process.stderr.write(`${row.id}: ${record.status}${record.reason === undefined ? '' : ` (${record.reason})`}, ${seconds.toFixed(0)} s\n`);
  for (const { what, measured, target, met } of record.targets ?? []) {
    process.stderr.write(`  ${met ? 'met   ' : 'MISSED'}  ${what}: ${measured.toPrecision(3)}, target ${target}\n`);
  }
}
process.stderr.write(`results: ${file}\n`);
const missed = [...done.values()].some(({ status, targets = [] }) => status !== 'done' || targets.some(({ met }) => !met));
process.exitCode = interrupted ? 130 : missed ? 1 : 0;

/** What `nla bench` is given for a row. The path of the Python is this machine's business. */
function argumentsOf({ args, quick, backend, set = [], peerDtype, alone }, python = '<python>') {
  return [
    ...((options.quick && quick) || args),
    ...(backend === undefined ? [] : ['--backend', backend]),
    ...set.flatMap((value) => ['--set', value]),
    ...(alone || options.python === undefined ? [] : ['--peer', python, ...(peerDtype === undefined ? [] : ['--peer-dtype', peerDtype])]),
  ];
}

function commandOf(row) {
  return ['nla', 'bench', ...argumentsOf(row).map((one) => (/[\s#<>]/.test(one) ? `'${one}'` : one))].join(' ');
}

async function measure(row) {
  if (options.quick && row.quick === undefined) return { status: 'skipped', reason: 'not part of a rehearsal' };
  const out = join(logs, `${row.id}.json`);
  const log = join(logs, `${row.id}.log`);
  writeFileSync(out, '');
  const code = await run(['bench', ...argumentsOf(row, options.python), '--json'], { out, log });
  const printed = parse(readFileSync(out, 'utf8'));
  if (code !== 0 || printed?.rows === undefined) {
    const said = printed?.error?.message ?? printed?.message ?? readFileSync(log, 'utf8').trim().split('\n').at(-1);
    return { status: 'failed', reason: withoutPaths(`${code}: ${said ?? 'no word'}`) };
  }
  return { status: 'done', rows: printed.rows, targets: printed.rows.flatMap((measured) => judge(row, measured)), peer: printed.peer };
}

/** Runs the command line; resolves to its exit code, or to the signal that ended it. */
function run(commandArguments, { out, log }) {
  const files = [openSync(out, 'w'), openSync(log, 'w')];
  return new Promise((finish) => {
    const child = spawn(process.execPath, [options.program, ...commandArguments], { cwd: root, stdio: ['ignore', ...files] });
    const limit = setTimeout(() => child.kill('SIGINT'), Number(options.minutes) * 60_000);
    const harder = setTimeout(() => child.kill('SIGKILL'), Number(options.minutes) * 60_000 + 30_000);
    const end = (how) => {
      clearTimeout(limit);
      clearTimeout(harder);
      for (const each of files) closeSync(each);
      finish(how);
    };
    child.on('error', (error) => end(error.message));
    child.on('exit', (code, signal) => end(code ?? signal));
  });
}

function write() {
  const ordered = rows.map(({ id }) => done.get(id)).filter((row) => row !== undefined);
  const results = {
    writtenAt: new Date().toISOString(),
    machine,
    ...(peer === undefined ? {} : { peer }),
    quick: options.quick,
    rows: ordered,
  };
  writeAtomically(file, `${JSON.stringify(results, null, 2)}\n`);
  writeAtomically(join(folder, 'benchmarks.md'), markdown(results));
}

function writeAtomically(path, text) {
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}

function earlierRows() {
  const earlier = existsSync(file) ? parse(readFileSync(file, 'utf8')) : undefined;
  // Figures of a rehearsal mean nothing, so they are not mixed with others.
  if (earlier === undefined || earlier.quick !== options.quick) return [];
  peer = earlier.peer;
  return earlier.rows;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An error message as it may stand in a file that others read: one line, without folders of this machine. */
function withoutPaths(text) {
  return text
    .replace(/\s+/g, ' ')
    .replace(/(?:\/[\w.@+-]+){2,}\/([\w.@+-]+)/g, '$1')
    .slice(0, 400);
}
