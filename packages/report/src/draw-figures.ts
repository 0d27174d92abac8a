import type { TopLevelSpec } from 'vega-lite';
import { conditionsFigure } from './figures/conditions-figure.js';
import { distributionFigure } from './figures/distribution-figure.js';
import { effectFigure } from './figures/effect-figure.js';
import { lossFigure } from './figures/loss-figure.js';
import { pairsOf, scatterFigure } from './figures/scatter-figure.js';
import { trajectoryFigure } from './figures/trajectory-figure.js';
import { renderSvg } from './render-figure.js';
import { lastEvaluation, type ReportData } from './report-data.js';

/** A figure of card and page. */
export interface DrawnFigure {
  /** Name of its files. */
  readonly name: string;
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
}

/** Draws what there is to draw. Retracted steps are in the tables alone. */
export async function drawFigures(data: ReportData): Promise<readonly DrawnFigure[]> {
  const figures: DrawnFigure[] = [];
  const draw = async (name: string, title: string, caption: string, spec: TopLevelSpec): Promise<void> => {
    figures.push({ name, title, caption, svg: await renderSvg(spec) });
  };
  const counted = data.evaluations.filter(({ retracted }) => !retracted);
  const left = data.evaluations.length > counted.length ? ' Retracted steps are left out.' : '';
  const last = lastEvaluation(data);
  if (counted.length > 1) {
    await draw(
      'trajectory',
      'Cosines over the trajectory',
      `Mean over held-out rows; bands: 95 % intervals.${left}`,
      trajectoryFigure(counted),
    );
  }
  if (counted.some(({ differences }) => differences.length > 0)) {
    const caption = `Row by row, mean with 95 % interval; dashed: no effect. The primary effect is that against SHUFFLED.${left}`;
    await draw('effect', 'AV_OUT minus its controls over the trajectory', caption, effectFigure(counted));
  }
  if (last !== undefined) {
    const at = `Step ${last.step}, ${last.rows} held-out rows.`;
    await draw(
      'h5',
      'H5 conditions',
      `${at} Means with 95 % intervals; dashed: the best constant, which needs no text.`,
      conditionsFigure(last),
    );
    if (last.cosines.some(({ AV_OUT: own }) => own !== undefined)) {
      const caption = `${at} Bars overlap. The line is ρ, what the best constant vector reaches on the training vectors.`;
      await draw('cosines', 'Distribution of cosines against a constant', caption, distributionFigure(last));
    }
    for (const [name, against] of [
      ['scatter-shuffled', 'SHUFFLED'],
      ['scatter-mean', 'MEAN'],
    ] as const) {
      const pairs = pairsOf(last, against);
      if (pairs.length === 0) continue;
      const above = pairs.filter(([other, own]) => own > other).length;
      const caption = `${at} ${above} of ${pairs.length} rows lie above the diagonal, where the own explanation does better.`;
      await draw(name, `AV_OUT over ${against}, row by row`, caption, scatterFigure(last, against));
    }
  }
  for (const role of ['av', 'ar'] as const) {
    const points = data.facts.losses[role];
    if (points.length > 0)
      await draw(
        `loss-${role}`,
        `Training loss of the ${role.toUpperCase()}`,
        'Dots: each step; line: mean of the last ten.',
        lossFigure(points, role),
      );
  }
  return figures;
}
