// Gathers the figures of finished runs into one file under docs/results, without the rows, which stay in the run folder.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { root } from './nla.mjs';

/** Facts about this machine that figures depend on. */
function machineFacts() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
}

/** What a run measured: evaluations of every step without rows, health of every checkpoint, seconds of every stage. */
export function runFigures(runFolder) {
  const folder = join(root, runFolder);
  const read = (...path) => JSON.parse(readFileSync(join(folder, ...path), 'utf8'));
  const record = read('run.json');
  const events = readFileSync(join(folder, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const evaluations = {};
  for (const id of record.evaluators.map((slot) => slot.id)) {
    evaluations[id] = readdirSync(join(folder, 'eval', id))
      .sort()
      .map((file) => {
        const { step, summary, headline, provenance, warnings } = read('eval', id, file);
        const measured = events.filter((event) => event.type === 'evaluation' && event.evaluator === id && event.step === step);
        return { step, headline, summary, provenance, warnings, seconds: measured.at(-1)?.seconds };
      });
  }
  const secondsOf = (role) =>
    events.filter((event) => event.type === 'step' && event.role === role).reduce((sum, event) => sum + event.figures.seconds, 0);
  const data = events.find((event) => event.stage === 'data' && event.type === 'done');
  return {
    name: record.name,
    hash: record.hash,
    seed: record.seed,
    trainers: record.trainers,
    dataset: record.dataset,
    labeler: record.labeler,
    data: data?.figures,
    guard: events.filter((event) => event.type === 'guard').map(({ guard, override }) => ({ ...guard, override })),
    seconds: {
      data: data?.seconds,
      ar: secondsOf('ar'),
      av: secondsOf('av'),
    },
    health: events
      .filter((event) => event.type === 'checkpoint' && event.reason === 'save')
      .map(({ role, step, health }) => ({ role, step, health })),
    evaluations,
  };
}

/** Writes docs/results/<name>.json. */
export function writeResults(name, results) {
  mkdirSync(join(root, 'docs/results'), { recursive: true });
  const file = join('docs/results', `${name}.json`);
  writeFileSync(
    join(root, file),
    `${JSON.stringify({ writtenAt: new Date().toISOString(), machine: machineFacts(), ...results }, null, 2)}\n`,
  );
  return file;
}

/** Copies a run's report to docs/results/<name>/. */
export function keepReport(runFolder, name) {
  const target = join(root, 'docs/results', name);
  rmSync(target, { recursive: true, force: true });
  cpSync(join(root, runFolder, 'report'), target, { recursive: true });
  return join('docs/results', name, 'index.html');
}

/** Prints targets beside what was measured; true if all are met. */
export function showTargets(targets) {
  process.stdout.write('\n');
  for (const { what, measured, target, met } of targets) {
    process.stdout.write(`${met ? 'met   ' : 'MISSED'}  ${what.padEnd(64)} ${measured.padStart(28)}   target ${target}\n`);
  }
  return targets.every(({ met }) => met);
}

/** `0.425 [0.393, 0.457]` */
export function shown({ value, low, high }) {
  return low === undefined ? value.toFixed(3) : `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}
