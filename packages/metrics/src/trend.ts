import { NlaError } from '@nlakit/core';
import type { Estimate } from '@nlakit/core';
import { checkConfidence, checkSample } from './check-sample.js';
import { effectOf } from './paired-effect.js';
import type { PairedEffect, PairedEffectOptions } from './paired-effect.js';
import { studentQuantile, studentTwoSidedP } from './special-functions.js';
import { mean } from './summarize.js';

/** A straight line through points. `value` is its slope, per unit of x; `low` and `high` are the t interval of the slope. */
export interface LinearTrend extends Estimate {
  readonly intercept: number;
  readonly standardError: number;
  /** Two-sided p of Student's t for "the slope is zero". */
  readonly p: number;
  readonly degreesOfFreedom: number;
  /** Share of the variance of y on the line; NaN where y does not vary. */
  readonly rSquared: number;
}

/**
 * Ordinary least squares of y on x with the t interval and t test of the slope (Draper and Smith 1998, sections 1.3 and 1.4): for points with
 * independent errors of one size. Steps of one trajectory measured on the same rows are not such points; {@link pairedTrend} is for them.
 * Points exactly on a line have a standard error of 0 and a p of 0, or of 1 where the line is level. `E_METRICS_TREND` for fewer than
 * three points or a single x, `E_METRICS_LENGTH`, `E_METRICS_NOT_FINITE`.
 */
export function linearTrend(x: ArrayLike<number>, y: ArrayLike<number>, confidence = 0.95): LinearTrend {
  checkConfidence(confidence);
  if (x.length !== y.length) {
    throw new NlaError('E_METRICS_LENGTH', { message: 'Every x needs a y.', found: `${x.length} and ${y.length} values` });
  }
  checkSample(y);
  const weights = slopeWeights(x, 3);
  const value = weightedSum(weights, y);
  const [centreX, centreY] = [mean(x), mean(y)];
  let [spreadX, spreadY, residual] = [0, 0, 0];
  for (let index = 0; index < x.length; index += 1) {
    const [fromX, fromY] = [(x[index] ?? NaN) - centreX, (y[index] ?? NaN) - centreY];
    spreadX += fromX ** 2;
    spreadY += fromY ** 2;
    residual += (fromY - value * fromX) ** 2;
  }
  const degreesOfFreedom = x.length - 2;
  const standardError = Math.sqrt(residual / degreesOfFreedom / spreadX);
  const half = studentQuantile(1 - (1 - confidence) / 2, degreesOfFreedom) * standardError;
  return {
    value,
    low: value - half,
    high: value + half,
    intercept: centreY - value * centreX,
    standardError,
    p: value === 0 ? 1 : studentTwoSidedP(value / standardError, degreesOfFreedom),
    degreesOfFreedom,
    rSquared: spreadY === 0 ? NaN : 1 - residual / spreadY,
  };
}

/** A trend over steps measured on the same rows: `value` is the mean slope, its intervals, p and d_z those of the rows' slopes. */
export interface PairedTrend extends PairedEffect {
  /** Value of the line at x = 0. */
  readonly intercept: number;
}

/**
 * Trend of a figure that every row has at every step, `rows[row][step]`, over `x[step]`. Each row gets its own least-squares slope, and the
 * slopes are treated as {@link pairedEffect} treats differences: bootstrap intervals over rows or clusters, and a sign-flip test of "no row
 * has a trend", so that neither what rows have in common between steps nor few steps make the test wrong. The mean of the slopes is the
 * slope of the steps' means. Two steps are enough; for them slope × distance is the paired difference. (The summary-measure
 * analysis of repeated measurements: Matthews, Altman, Campbell and Royston 1990.) `E_METRICS_TREND` for a single x, `E_METRICS_LENGTH` for a
 * row that lacks a step, `E_METRICS_NOT_FINITE`.
 */
export function pairedTrend(x: ArrayLike<number>, rows: readonly ArrayLike<number>[], options: PairedEffectOptions): PairedTrend {
  const weights = slopeWeights(x, 2);
  const slopes = rows.map((row, index) => {
    if (row.length !== x.length) {
      throw new NlaError('E_METRICS_LENGTH', {
        message: 'A trend needs every row at every step.',
        found: `${row.length} values in row ${index} for ${x.length} steps`,
        fix: 'Compare the steps on the rows that all of them were measured on.',
      });
    }
    return weightedSum(weights, row);
  });
  const effect = effectOf(slopes, options);
  return { ...effect, intercept: mean(rows.map((row) => mean(row))) - effect.value * mean(x) };
}

/** The slope is linear in y: `Σ w y` with `w = (x - mean(x)) / Σ (x - mean(x))²`. */
function slopeWeights(x: ArrayLike<number>, fewest: number): number[] {
  checkSample(x);
  const centre = mean(x);
  const deviations = Array.from(x, (value) => value - centre);
  const spread = deviations.reduce((sum, value) => sum + value ** 2, 0);
  if (x.length < fewest || new Set(Array.from(x)).size < 2) {
    throw new NlaError('E_METRICS_TREND', {
      message: 'No line can be fitted.',
      found: `${x.length} points at ${new Set(Array.from(x)).size} different x`,
      expected: `at least ${fewest} points, not all at one x`,
      fix: 'Measure more steps.',
      kind: 'input',
    });
  }
  return deviations.map((value) => value / spread);
}

/** The weights add up to 0, so a constant may be taken off: equal values then have a slope of exactly 0. */
function weightedSum(weights: readonly number[], values: ArrayLike<number>): number {
  const first = values[0] ?? NaN;
  return weights.reduce((sum, weight, index) => sum + weight * ((values[index] ?? NaN) - first), 0);
}
