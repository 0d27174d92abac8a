import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startNla } from './nla-process.js';

const recipe = 'steps: 3, saveEvery: 3, rank: 2, microBatch: 2, accumulate: 1, healthRows: 2';

/** Training in NF4 of both roles, on whatever backend. */
const config = (backend: string): string => `schema: 1
name: small
seed: 3
backend: ${backend}
quantizer: { use: '@nlakit/quantizer-nf4' }
model: { use: '@nlakit/model-gemma4', options: { source: '@nlakit/tiny-gemma4', layer: 1 } }
injector: { use: '@nlakit/injector-embedding', options: { scale: sqrt_d_model, perLayerIds: marker } }
dataset: { use: '@nlakit/dataset-wordnet', options: { rowsPerTopic: 2, heldOutPerTopic: 1, maxTokens: 24 } }
trainers:
  ar: { use: '@nlakit/trainer-ar-sft', options: { ${recipe} } }
  av: { use: '@nlakit/trainer-av-sft', options: { ${recipe}, optimizer: adamw8bit, diversityRows: 0, allowOutOfDistributionInjection: true } }
`;

/** Figures of one training step. */
interface Step {
  readonly role?: string;
  readonly type: string;
  readonly figures?: Readonly<Record<string, number>>;
}

/** Trains both roles for three steps on `backend` (YAML) into `folder/run`, by `nla` in a process of its own. Resolves to all six steps. */
export async function trainSmall(folder: string, backend: string): Promise<readonly Step[]> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'nla.config.yaml'), config(backend));
  const { code, signal, error } = await startNla(folder, ['run', 'nla.config.yaml', '--run-dir', 'run']).ended;
  expect({ code, signal, error }).toMatchObject({ code: 0, signal: null, error: expect.any(String) as unknown });
  const events = (await readFile(join(folder, 'run/events.jsonl'), 'utf8')).trimEnd().split('\n');
  const steps = events.map((line) => JSON.parse(line) as Step).filter(({ type, role }) => role !== undefined && type === 'step');
  expect(steps).toHaveLength(6);
  return steps;
}

/** Holds losses and norms of every step against those of another backend, within what rounding in another order comes to. */
export function expectSameTraining(made: readonly Step[], expected: readonly Step[]): void {
  for (const [index, { role, figures }] of made.entries()) {
    for (const [figure, tolerance] of Object.entries({ loss: 2e-5, gradientNorm: 1e-3, updateNorm: 1e-3 })) {
      const [value, other] = [figures?.[figure] ?? NaN, expected[index]?.figures?.[figure] ?? NaN];
      expect(Math.abs(value - other), `${role} ${figure} of step ${index}`).toBeLessThan(tolerance * Math.abs(other));
    }
  }
}
