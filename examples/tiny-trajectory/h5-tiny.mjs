// All evaluators at the last step of the tiny trajectory, 200 rows, against its content-blind twin. What is not trained yet is trained
// first, into the run folders of run.mjs; the evaluations are made in copies of them, so that those of the trajectory stay as they are.
// Rows, tables and figures go to docs/results/h5-tiny.*; the time is that of the `nla eval` commands, start-up included; both are measured at once, a core each.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { effectsFigure, writeFigure } from '@nlakit/report';
import { nla, nlaJson, root } from '../lib/nla.mjs';
import { showTargets, shown, writeResults } from '../lib/results.mjs';

const step = 500;
const rows = 200;
const budget = 360;
const evaluators = ['h5', '@nlakit/evaluator-retrieval', '@nlakit/evaluator-ceiling', '@nlakit/evaluator-patching'];
const runs = {
  real: { config: 'examples/tiny-trajectory/nla.config.yaml', trained: 'runs/tiny-trajectory', folder: 'runs/h5-tiny' },
  blind: {
    config: 'examples/tiny-trajectory/blind-twin.config.yaml',
    trained: 'runs/tiny-trajectory-blind',
    folder: 'runs/h5-tiny-blind',
  },
};

const train = (role, { config, trained }, options) => nla(['train', config, '--run-dir', trained, '--role', role, '--resume'], options);
await train('ar', runs.real);
// The twin takes data and AR from the other one. `run` copies the AR and measures H5 at its last step, which `train` would not.
await Promise.all([
  train('av', runs.real),
  nla(['run', runs.blind.config, '--run-dir', runs.blind.trained], { log: 'runs/h5-tiny-blind.log' }),
]);

const evaluations = { real: {}, blind: {} };
const seconds = { real: {}, blind: {} };
const load = loadavg().map((value) => Number(value.toFixed(1)));
await Promise.all(
  Object.entries(runs).map(async ([name, { trained, folder }]) => {
    rmSync(join(root, folder), { recursive: true, force: true });
    cpSync(join(root, trained), join(root, folder), {
      recursive: true,
      filter: (path) => !/[/\\](eval|resume|report|run\.lock)$/.test(path),
    });
    for (const use of evaluators) {
      const started = performance.now();
      const evaluation = await nlaJson(['eval', folder, '--evaluator', use, '--steps', String(step), '--rows', String(rows)]);
      const id = evaluation.evaluator.replace(/^.*evaluator-/, '');
      seconds[name][id] = (performance.now() - started) / 1000;
      evaluations[name][id] = evaluation;
    }
  }),
);

const { real, blind } = evaluations;
const total = (name) => Object.values(seconds[name]).reduce((sum, value) => sum + value, 0);
const h5 = (of) => of.h5.summary.differences;
const saved = (of) => of.patching.summary.saved.SHUFFLED;
const found = (of) => of.retrieval.summary.tables['vector/reconstruction/full'].statistics.top1;
const targets = [
  {
    what: `all evaluators at one step, ${real.h5.rows.length} rows: wall time`,
    measured: `${total('real').toFixed(0)} s`,
    target: `<= ${budget} s on 2 cores`,
    met: total('real') <= budget,
  },
  { what: 'AV_OUT - SHUFFLED', measured: shown(h5(real).SHUFFLED), target: 'interval above 0', met: h5(real).SHUFFLED.low > 0 },
  {
    what: 'blind twin: |AV_OUT - SHUFFLED|',
    measured: shown(h5(blind).SHUFFLED),
    target: '< 0.05',
    met: Math.abs(h5(blind).SHUFFLED.value) < 0.05,
  },
  { what: 'blind twin: AV_OUT - MEAN', measured: shown(h5(blind).MEAN), target: 'below 0', met: h5(blind).MEAN.high < 0 },
  {
    what: 'retrieval of the own vector, top 1 (chance 1/200)',
    measured: shown(found(real)),
    target: 'p < 0.05',
    met: found(real).p < 0.05,
  },
  { what: 'blind twin: the same, p', measured: found(blind).p.toFixed(3), target: '>= 0.05', met: found(blind).p >= 0.05 },
  { what: 'patching: nats saved over SHUFFLED', measured: shown(saved(real)), target: 'interval above 0', met: saved(real).low > 0 },
  { what: 'blind twin: the same', measured: shown(saved(blind)), target: 'not above 0', met: saved(blind).low <= 0 },
];
const met = showTargets(targets);

const results = join(root, 'docs/results');
const kept = join(results, 'h5-tiny');
rmSync(kept, { recursive: true, force: true });
mkdirSync(kept, { recursive: true });
for (const [name, of] of Object.entries(evaluations)) {
  for (const [id, evaluation] of Object.entries(of)) writeFileSync(join(kept, `${name}-${id}.json`), `${withRowLines(evaluation)}\n`);
}
const titles = { real: 'trained on its own vectors', blind: 'content-blind twin' };
const figure = await writeFigure(
  join(kept, 'differences'),
  effectsFigure(
    Object.entries(evaluations).flatMap(([name, of]) =>
      Object.entries(h5(of)).map(([against, { value, low, high }]) => ({
        label: `AV_OUT − ${against}`,
        group: titles[name],
        value,
        low,
        high,
      })),
    ),
    {
      title: 'H5 of a real and of a content-blind AV',
      subtitle: [`${real.h5.rows.length} held-out rows at step ${step}`, 'whiskers: 95 % intervals over documents'],
      unit: 'difference of cosines',
    },
  ),
);
const strip = (of) =>
  Object.fromEntries(Object.entries(of).map(([id, evaluation]) => [id, { ...evaluation, rows: evaluation.rows.length }]));
const file = writeResults('h5-tiny', {
  step,
  rows: real.h5.rows.length,
  seconds,
  loadAverageBefore: load,
  targets,
  real: strip(real),
  blind: strip(blind),
});
writeFileSync(join(results, 'h5-tiny.md'), page());
process.stdout.write(`\nresults: ${file}, docs/results/h5-tiny.md, ${figure.length} figure files\n`);
process.exitCode = met ? 0 : 1;

/** Each row on a line of its own: half the size of the stored file. */
function withRowLines({ rows: all, ...rest }) {
  const text = JSON.stringify({ ...rest, rows: [] });
  return `${text.slice(0, -2)}\n${all.map((row) => JSON.stringify(row)).join(',\n')}\n]}`;
}

function page() {
  const table = (head, body) => [
    `| ${head.join(' | ')} |`,
    `| ${head.map(() => '---').join(' | ')} |`,
    ...body.map((cells) => `| ${cells.join(' | ')} |`),
  ];
  const conditions = Object.keys(real.h5.summary.conditions);
  const fve = (value) => (value === null || value === undefined ? '' : value.toFixed(3));
  return [
    '# All evaluators at one step of the tiny trajectory',
    '',
    `Step ${step}, ${real.h5.rows.length} held-out rows; beside it the content-blind twin, whose AV was trained on the vectors of other rows. Written by \`npx -y pnpm@10 h5-tiny\`; every row is in [h5-tiny/](h5-tiny), and \`nla recheck docs/results/h5-tiny\` computes the summaries from them again.`,
    '',
    ...table(
      ['', 'measured', 'target', ''],
      targets.map(({ what, measured, target, met: reached }) => [what, measured, target, reached ? 'met' : '**missed**']),
    ),
    '',
    '![AV_OUT less each condition, real and blind](h5-tiny/differences.svg)',
    '',
    '## H5',
    '',
    ...table(
      ['condition', 'cosine [95 %]', 'fve_nrm', 'twin: cosine [95 %]', 'twin: fve_nrm'],
      conditions.map((name) => {
        const [one, other] = [real.h5.summary.conditions[name], blind.h5.summary.conditions[name]];
        return [name, shown(one.cosine), fve(one.fveNrm), other === undefined ? '' : shown(other.cosine), fve(other?.fveNrm)];
      }),
    ),
    '',
    '## The other evaluators',
    '',
    ...['retrieval', 'ceiling', 'patching'].flatMap((id) => [
      `### ${id}`,
      '',
      ...table(
        ['figure', 'real', 'twin'],
        Object.entries(real[id].headline).map(([name, value]) => [
          name,
          String(Number(value.toPrecision(4))),
          blind[id].headline[name] === undefined ? '' : String(Number(blind[id].headline[name].toPrecision(4))),
        ]),
      ),
      '',
    ]),
    '## Time',
    '',
    ...table(
      ['evaluator', 'real, s', 'twin, s'],
      [
        ...Object.keys(seconds.real).map((id) => [id, seconds.real[id].toFixed(0), seconds.blind[id].toFixed(0)]),
        ['all', total('real').toFixed(0), total('blind').toFixed(0)],
      ],
    ),
    '',
    `Wall time of the commands, one after another; load average of the machine when they began: ${load.join(', ')}.`,
    '',
  ].join('\n');
}
