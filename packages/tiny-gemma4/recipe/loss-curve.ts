import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { atomicWriteFile } from '@nlakit/safetensors';

/** One line of the loss curve: a training step, or a measurement on held-out rows. */
export interface CurvePoint {
  readonly step: number;
  readonly loss?: number;
  readonly learningRate?: number;
  readonly gradientNorm?: number;
  readonly heldOut?: number;
  readonly heldOutExplained?: number;
  readonly seconds: number;
}

/** File of the curve in a training folder. */
export function curveFile(folder: string): string {
  return join(folder, 'loss-curve.jsonl');
}

/** The points written so far; none if there is no file. A last line that a stop cut short is left out. */
export async function readCurve(folder: string): Promise<CurvePoint[]> {
  const text = await readFile(curveFile(folder), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as CurvePoint);
}

/** Removes points after `step`: they were written after the checkpoint that training goes on from. */
export async function rewindCurve(folder: string, step: number): Promise<void> {
  const kept = (await readCurve(folder)).filter((point) => point.step <= step);
  await atomicWriteFile(curveFile(folder), kept.map((point) => `${JSON.stringify(point)}\n`).join(''));
}

/** Adds points at the end. */
export async function appendCurve(folder: string, points: readonly CurvePoint[]): Promise<void> {
  if (points.length > 0) await appendFile(curveFile(folder), points.map((point) => `${JSON.stringify(point)}\n`).join(''));
}

/**
 * A curve short enough to publish: steps are put into about `points` groups of equal length, each given by the mean of its losses and
 * gradient norms and by the step, rate and time of its last step. Measurements on held-out rows are left out.
 */
export function thinCurve(curve: readonly CurvePoint[], points: number): CurvePoint[] {
  const steps = curve.filter((point) => point.loss !== undefined);
  const size = Math.max(1, Math.ceil(steps.length / points));
  const thin: CurvePoint[] = [];
  for (let start = 0; start < steps.length; start += size) {
    const group = steps.slice(start, start + size);
    const last = group.at(-1);
    if (last === undefined) continue;
    const mean = (values: readonly number[]): number =>
      Number((values.reduce((sum, value) => sum + value, 0) / values.length).toPrecision(6));
    thin.push({
      step: last.step,
      loss: mean(group.map((point) => point.loss ?? NaN)),
      ...(last.learningRate === undefined ? {} : { learningRate: last.learningRate }),
      gradientNorm: mean(group.map((point) => point.gradientNorm ?? NaN)),
      seconds: last.seconds,
    });
  }
  return thin;
}
