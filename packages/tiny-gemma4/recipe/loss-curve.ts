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
