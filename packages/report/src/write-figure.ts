import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { atomicWriteFile } from '@nlakit/safetensors';
import type { TopLevelSpec } from 'vega-lite';
import { renderPng, renderSvg } from './render-figure.js';

/** Writes a figure as `<path>.svg` and `<path>.png`, making the folder. Returns both paths. Throws `E_WRITE`. */
export async function writeFigure(path: string, spec: TopLevelSpec): Promise<string[]> {
  const svg = await renderSvg(spec);
  await mkdir(dirname(path), { recursive: true });
  const files = [`${path}.svg`, `${path}.png`];
  await atomicWriteFile(`${path}.svg`, svg);
  await atomicWriteFile(`${path}.png`, renderPng(svg));
  return files;
}
