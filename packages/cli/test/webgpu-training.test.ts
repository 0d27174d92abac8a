import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWebgpuBackend } from '@nlakit/backend-webgpu';
import { afterAll, describe, it } from 'vitest';
import { expectSameTraining, trainSmall } from './support/small-training.js';

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

    it(
      'comes to the same losses, gradients and updates with `backend.use` alone exchanged',
      async () => {
        const folder = await mkdtemp(join(tmpdir(), 'nla-backends-'));
        folders.push(folder);
        const wasm = await trainSmall(join(folder, 'wasm'), "{ use: '@nlakit/backend-wasm' }");
        const webgpu = await trainSmall(join(folder, 'webgpu'), "{ use: '@nlakit/backend-webgpu', options: { allowSoftware: true } }");
        expectSameTraining(webgpu, wasm);
      },
      patience,
    );
  },
);
