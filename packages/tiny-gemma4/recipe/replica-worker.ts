import { parentPort, workerData } from 'node:worker_threads';
import { createTokenizer } from '@nlakit/model-gemma4';
import { startEngine } from './engine.js';
import type { WorkerReply, WorkerRequest, WorkerSetup } from './replica-pool.js';
import { createReplica } from './replica.js';

// One replica in a thread of its own: see replica-pool.ts.
const setup = workerData as WorkerSetup;
const parameters = new Float32Array(setup.parameters);
const gradients = new Float32Array(setup.gradients);
const reply = (message: WorkerReply): void => parentPort?.postMessage(message);

const description = await startEngine(setup.engine);
const replica = await createReplica(setup.config, createTokenizer({ tokenizerJson: setup.tokenizer }));

async function answer({ kind, rows }: WorkerRequest): Promise<WorkerReply> {
  try {
    if (kind === 'gradients') return { kind, loss: await replica.gradients(parameters, rows, gradients) };
    return { kind, losses: await replica.losses(parameters, rows) };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

parentPort?.on('message', (request: WorkerRequest) => void answer(request).then(reply));
reply({ kind: 'ready', description });
