import { effectsFigure, profileFigure, type EffectPoint } from '@nlakit/report';
import { placeOf } from './effects.js';
import type { ExperimentResult } from './experiment-result.js';

/** The figures of an experiment by file name: what each arm and each comparison came to, and the trends there are. */
export function experimentFigures(result: ExperimentResult) {
  const { effects, arms, primary, name, factor } = result;
  const figure = result.figure.replaceAll('cosines.', '').replace(' - ', ' − ');
  const [means, differences] = ['mean.', 'difference.'].map((prefix) => effects.filter((effect) => effect.name.startsWith(prefix)));
  const labelOf = (id: string) => arms.find((arm) => arm.id === id)?.label ?? id;
  const point = (effect: (typeof effects)[number], label: string, group: string): EffectPoint => ({
    label,
    group,
    value: effect.value,
    low: effect.low,
    high: effect.high,
    single: effect.bySeed.map(({ value }) => value),
  });
  const groups = { means: 'each arm', differences: 'differences of arms' };
  const limit = primary.atLeast ?? primary.atMost ?? 0;
  const group = primary.effect.startsWith('mean.')
    ? groups.means
    : primary.effect.startsWith('difference.')
      ? groups.differences
      : undefined;
  const subtitle = [
    'whiskers: 95 % intervals over documents; ticks: single seeds',
    `stated beforehand: ${primary.effect} ${primary.atLeast === undefined ? 'at most' : 'at least'} ${limit}${primary.per === 1 ? '' : ` per ${primary.per}`}: ${primary.verdict}`,
  ];
  const armsFigure = {
    name: 'arms',
    spec: effectsFigure(
      [
        ...(means ?? []).map((effect) => point(effect, labelOf(effect.name.slice('mean.'.length)), groups.means)),
        ...(differences ?? []).map((effect) =>
          point(effect, effect.name.slice('difference.'.length).replace('.', ' − '), groups.differences),
        ),
      ],
      { title: name, subtitle, unit: figure, ...(group === undefined ? {} : { threshold: { value: limit, group } }) },
    ),
  };
  // A single arm has nothing beside it; its steps say more.
  const found = arms.length === 1 && effects.some((effect) => effect.name.startsWith('trend.')) ? [] : [armsFigure];
  const trend = effects.find((effect) => effect.name === 'trend.factor');
  if (trend !== undefined && factor !== undefined) {
    const points = arms.flatMap(({ id, x }) => {
      const mean = means?.find((effect) => effect.name === `mean.${id}`);
      return x === null || mean === undefined
        ? []
        : [{ x: placeOf(x, factor.scale), series: 'arms', value: mean.value, low: mean.low, high: mean.high }];
    });
    const axis = factor.scale === 'log2' ? `log2 of ${factor.name}` : factor.name;
    found.push({
      name: 'factor',
      spec: profileFigure(
        [
          {
            title: 'dashed: line fitted row by row',
            unit: figure,
            points,
            line: lineThrough(
              trend,
              points.map(({ x }) => x),
            ),
          },
        ],
        { title: name, subtitle: [subtitle[1] ?? '', 'whiskers: 95 % intervals over documents'], axis },
      ),
    });
  }
  const panels = effects
    .filter((effect) => effect.name.startsWith('trend.step.'))
    .map((effect) => {
      const id = effect.name.slice('trend.step.'.length);
      const steps = arms.find((arm) => arm.id === id)?.steps ?? [];
      const points = steps.flatMap((step) => {
        const found = stepEffect(result, id, step);
        return found === undefined ? [] : [{ x: step, series: figure, value: found.value, low: found.low, high: found.high }];
      });
      return { title: labelOf(id), unit: figure, points, line: lineThrough(effect, steps) };
    });
  if (panels.length > 0) {
    found.push({
      name: 'steps',
      spec: profileFigure(panels, {
        title: name,
        subtitle: ['dots: means with 95 % intervals over documents', 'dashed: line fitted row by row'],
        axis: 'AV training step',
      }),
    });
  }
  return found;
}

function lineThrough({ value, intercept = NaN }: { readonly value: number; readonly intercept?: number }, places: readonly number[]) {
  return [Math.min(...places), Math.max(...places)].map((x) => ({ x, value: intercept + value * x }));
}

/** The mean at a step of an arm. */
export function stepEffect({ effects, arms }: ExperimentResult, id: string, step: number) {
  const last = arms.find((arm) => arm.id === id)?.steps.at(-1) === step;
  return effects.find(({ name }) => name === (last ? `mean.${id}` : `step.${step}.${id}`));
}
