import { formatFigure } from '@nlakit/core';
import { escapeMarkdownCell, formatEstimate, formatNumber } from '@nlakit/report';
import type { Effect } from './effects.js';
import { stepEffect } from './experiment-figures.js';
import type { ExperimentResult } from './experiment-result.js';

/** The result as a Markdown page: the question, the verdict, tables with intervals, where everything comes from. */
export function experimentPage(result: ExperimentResult, figures: readonly string[]): string {
  const { arms, effects, statistics } = result;
  const withPrefix = (prefix: string) => effects.filter(({ name }) => name.startsWith(prefix));
  const also = Object.keys(arms[0]?.also ?? {});
  const trends = withPrefix('trend.');
  const differences = withPrefix('difference.');
  return [
    `# ${result.name}`,
    '',
    result.question,
    '',
    `**Hypothesis**, stated ${result.registration.at.slice(0, 10)} before it was measured: ${result.hypothesis}`,
    '',
    `**${capital(result.primary.verdict)}.** ${primarySentence(result)}`,
    ...amendments(result),
    '',
    ...figures.flatMap((name) => [`![${name}](figures/${name}.svg)`, '']),
    `## Arms`,
    '',
    `\`${result.figure}\`, mean over the rows at each arm's last step, 95 % interval over documents.`,
    '',
    ...table(
      ['arm', ...(result.factor === undefined ? [] : [result.factor.name]), 'seeds', 'step', 'rows', 'figure [95 %]', ...also],
      arms.map((arm) => {
        const mean = effects.find(({ name }) => name === `mean.${arm.id}`);
        return [
          escapeMarkdownCell(arm.label),
          ...(result.factor === undefined ? [] : [arm.x === null ? '' : String(arm.x)]),
          arm.runs.map(({ seed }) => seed).join(', '),
          String(arm.steps.at(-1) ?? ''),
          String(mean?.n ?? ''),
          mean === undefined ? '' : formatEstimate(mean),
          ...also.map((name) => formatNumber(arm.also[name] ?? NaN)),
        ];
      }),
    ),
    ...(differences.length === 0 ? [] : ['', '## Differences', '', ...effectTable(differences)]),
    ...(trends.length === 0 ? [] : ['', '## Trends', '', ...effectTable(trends)]),
    ...stepTable(result),
    '',
    `Rows are compared with themselves. p: sign-flip test, two-sided, ${statistics.permutations} draws, documents flipped together; p (Holm): adjusted for the family. Intervals: percentile, ${statistics.bootstrap} resamples of documents.`,
    ...(result.warnings.length === 0 ? [] : ['', ...result.warnings.map(({ code, message }) => `- ${code}: ${message}`)]),
    '',
    '## Where it comes from',
    '',
    ...table(
      ['arm', 'run', 'hash', 'other settings than the reference', 'training', 'measuring'],
      arms.flatMap((arm) =>
        arm.runs.map((run) => [
          escapeMarkdownCell(arm.id),
          run.name,
          `\`${run.hash.slice(0, 12)}\``,
          escapeMarkdownCell(run.differences.join('; ') || 'none'),
          `${Math.round(run.trainingSeconds)} s`,
          `${Math.round(run.evaluations.reduce((sum, { seconds }) => sum + seconds, 0))} s`,
        ]),
      ),
    ),
    '',
    `Every row is in [experiment.json](experiment.json), from which each number above can be computed again. nlakit ${result.nlakit}, ${result.machine.cpu}, ${result.machine.cores} cores.`,
    '',
  ].join('\n');
}

/** The primary effect, what it had to be and what it was. */
export function primarySentence({ primary, effects }: ExperimentResult): string {
  const effect = effects.find(({ name }) => name === primary.effect);
  const threshold = primary.atLeast === undefined ? `at most ${primary.atMost ?? ''}` : `at least ${primary.atLeast}`;
  const seeds =
    primary.seeds === null ? '' : ` By single seeds ${primary.seeds.on} of ${primary.seeds.of} are on that side of the threshold.`;
  const why = primary.verdict === 'undecided' ? ' The threshold lies inside the interval: more rows or seeds are needed.' : '';
  const per = primary.per === 1 ? '' : `, times ${primary.per}`;
  return `${capital(effect?.meaning ?? primary.effect)}${per}: ${formatEstimate(primary, true)}, wanted ${threshold} (p ${formatFigure(primary.p)}).${why}${seeds}`;
}

function effectTable(effects: readonly Effect[]): string[] {
  return table(
    ['effect', 'value [95 %]', 'd_z', 'p', 'p (Holm)', 'rows', 'by seed'],
    effects.map((effect) => [
      escapeMarkdownCell(effect.meaning),
      digits(effect),
      effect.dZ === null ? '' : formatNumber(effect.dZ),
      formatFigure(effect.p),
      effect.pHolm === null ? '' : formatFigure(effect.pHolm),
      String(effect.n),
      effect.bySeed.map(({ seed, value }) => `${seed}: ${formatFigure(value)}`).join(', '),
    ]),
  );
}

/** The figure at every step, for arms that have several. */
function stepTable(result: ExperimentResult): string[] {
  const arms = result.arms.filter(({ steps }) => steps.length > 1);
  if (arms.length === 0) return [];
  const steps = [...new Set(arms.flatMap((arm) => arm.steps))].sort((a, b) => a - b);
  const rows = steps.map((step) => [
    String(step),
    ...arms.map(({ id }) => {
      const found = stepEffect(result, id, step);
      return found === undefined ? '' : formatEstimate(found);
    }),
  ]);
  return ['', '## Steps', '', ...table(['step', ...arms.map(({ label }) => escapeMarkdownCell(label))], rows)];
}

/** Slopes per step are small: as many decimals as it takes. */
function digits({ value, low, high }: Effect): string {
  if (Math.max(Math.abs(low), Math.abs(high)) >= 0.01) return formatEstimate({ value, low, high }, true);
  const show = (number: number) => `${number < 0 ? '−' : '+'}${Math.abs(number).toPrecision(3)}`;
  return `${show(value)} [${show(low)}, ${show(high)}]`;
}

function amendments({ registration }: ExperimentResult): string[] {
  if (registration.amended.length === 0) return [];
  const list = registration.amended.map(({ at, figure, primary }) => `\`${figure}\` ${JSON.stringify(primary)} (${at.slice(0, 10)})`);
  return [
    '',
    `> The question was changed on ${registration.at.slice(0, 10)}, after something had been measured. It was: ${list.join('; ')}.`,
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
