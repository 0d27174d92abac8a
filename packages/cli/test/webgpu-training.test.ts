import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWebgpuBackend } from '@nlakit/backend-webgpu';
import { afterAll, describe, expect, it } from 'vitest';
import { startNla } from './support/nla-process.js';

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

const unavailable: string | undefined = await createWebgpuBackend({ allowSoftware: true }).then(
  async (backend) => void (await backend.dispose()),
  (error: unknown) => (error as { details?: { found?: string } }).details?.found ?? String(error),
);

/** Processes take their time where others are at work, and shaders are compiled. */
const patience = 900_000;

describe.skipIf(unavailable !== undefined)(
  unavailable === undefined ? 'training on another backend' : `training on another backend (skipped: ${unavailable})`,
  () => {
    const folders: string[] = [];
    afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

    const train = async (backend: string) => {
      const folder = await mkdtemp(join(tmpdir(), 'nla-backends-'));
      folders.push(folder);
      await writeFile(join(folder, 'nla.config.yaml'), config(backend));
      const { code, error } = await startNla(folder, ['run', 'nla.config.yaml', '--run-dir', 'run']).ended;
      expect({ code, error }).toMatchObject({ code: 0, error: expect.any(String) });
      const events = (await readFile(join(folder, 'run/events.jsonl'), 'utf8')).trimEnd().split('\n');
      return events
        .map((line) => JSON.parse(line) as { type: string; role?: string; backend?: string; figures?: Record<string, number> })
        .filter(({ type, role }) => role !== undefined && type === 'step');
    };

    it(
      'comes to the same losses, gradients and updates with `backend.use` alone exchanged',
      async () => {
        const wasm = await train("{ use: '@nlakit/backend-wasm' }");
        const webgpu = await train("{ use: '@nlakit/backend-webgpu', options: { allowSoftware: true } }");
        expect(wasm).toHaveLength(6);
        expect(webgpu).toHaveLength(6);
        for (const [index, { role, figures }] of webgpu.entries()) {
          const other = wasm[index]?.figures;
          for (const [figure, tolerance] of Object.entries({ loss: 2e-5, gradientNorm: 1e-3, updateNorm: 1e-3 })) {
            const [value, expected] = [figures?.[figure] ?? NaN, other?.[figure] ?? NaN];
            expect(Math.abs(value - expected), `${role} ${figure} of step ${index}`).toBeLessThan(tolerance * Math.abs(expected));
          }
        }
      },
      patience,
    );
  },
);
