import { Worker } from 'node:worker_threads';
import type { JsonValue } from '@nlakit/core';
import { createTokenizer } from '@nlakit/model-gemma4';
import { startEngine, type EngineChoice } from './engine.js';
import { createReplica, type Replica, type TrainingRows } from './replica.js';

/** What every replica is made from. */
export interface PoolOptions {
  readonly config: Readonly<Record<string, JsonValue>>;
  /** `tokenizer.json` */
  readonly tokenizer: string;
  readonly engine: EngineChoice;
  /** Number of parameters of the model. */
  readonly length: number;
  /** 1: everything in this thread. */
  readonly workers: number;
}

/** Replicas that share the work of a batch. */
export interface ReplicaPool extends Replica {
  readonly description: string;
  close(): Promise<void>;
}

/** What a worker thread is given. */
export interface WorkerSetup extends PoolOptions {
  readonly parameters: SharedArrayBuffer;
  readonly gradients: SharedArrayBuffer;
}

export type WorkerRequest = { readonly kind: 'gradients' | 'losses'; readonly rows: TrainingRows };
export type WorkerReply =
  | { readonly kind: 'ready'; readonly description: string }
  | { readonly kind: 'gradients'; readonly loss: number }
  | { readonly kind: 'losses'; readonly losses: Float32Array }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Starts the engine and one replica for each worker. With one worker there is no thread. */
export async function createReplicaPool(options: PoolOptions): Promise<ReplicaPool> {
  if (options.workers === 1) {
    const description = await startEngine(options.engine);
    const replica = await createReplica(options.config, createTokenizer({ tokenizerJson: options.tokenizer }));
    return { ...replica, description, close: () => Promise.resolve() };
  }
  const parameters = new SharedArrayBuffer(options.length * 4);
  const shared = new Float32Array(parameters);
  const members = await Promise.all(Array.from({ length: options.workers }, () => startMember(options, parameters)));

  return {
    description: `${options.workers} × ${members[0]?.description ?? ''}`,
    async gradients(values, rows, gradients) {
      shared.set(values);
      const pieces = shares(rows, members.length);
      const losses = await Promise.all(members.map(async (member, index) => member.gradients(pieces[index] as TrainingRows)));
      // Added in the order of the members, so that the sum does not depend on who was ready first.
      gradients.fill(0);
      let loss = 0;
      for (const [index, member] of members.entries()) {
        const weight = (pieces[index]?.batch ?? 0) / rows.batch;
        loss += weight * (losses[index] ?? NaN);
        const part = member.result;
        for (let at = 0; at < part.length; at += 1) gradients[at] = (gradients[at] ?? 0) + weight * (part[at] ?? 0);
      }
      return loss;
    },
    async losses(values, rows) {
      shared.set(values);
      const parts = await Promise.all(shares(rows, members.length).map(async (piece, index) => members[index]?.losses(piece)));
      const result = new Float32Array(rows.batch * rows.length);
      let at = 0;
      for (const part of parts) {
        result.set(part ?? [], at);
        at += part?.length ?? 0;
      }
      return result;
    },
    async close() {
      await Promise.all(members.map(async (member) => member.close()));
    },
  };
}

/** Consecutive rows for each of `count` members, as even as possible; members beyond the number of rows get nothing. */
function shares(rows: TrainingRows, count: number): TrainingRows[] {
  return Array.from({ length: Math.min(count, rows.batch) }, (_, index) => {
    const start = Math.floor((rows.batch * index) / Math.min(count, rows.batch));
    const end = Math.floor((rows.batch * (index + 1)) / Math.min(count, rows.batch));
    return {
      tokens: rows.tokens.slice(start * rows.length, end * rows.length),
      targets: rows.targets.slice(start * rows.length, end * rows.length),
      batch: end - start,
      length: rows.length,
    };
  });
}

interface Member {
  readonly description: string;
  /** Gradients of the member's last piece. */
  readonly result: Float32Array;
  gradients(rows: TrainingRows): Promise<number>;
  losses(rows: TrainingRows): Promise<Float32Array>;
  close(): Promise<void>;
}

async function startMember(options: PoolOptions, parameters: SharedArrayBuffer): Promise<Member> {
  const gradients = new SharedArrayBuffer(options.length * 4);
  const workerData: WorkerSetup = { ...options, parameters, gradients };
  const worker = new Worker(new URL('./replica-worker.js', import.meta.url), { workerData });
  const answer = async (): Promise<WorkerReply> =>
    new Promise((resolve, reject) => {
      const done = (act: () => void): void => {
        worker.off('message', onMessage);
        worker.off('error', onError);
        act();
      };
      const onMessage = (reply: WorkerReply): void =>
        done(() =>
          reply.kind === 'failed' ? reject(reply.error instanceof Error ? reply.error : new Error(String(reply.error))) : resolve(reply),
        );
      const onError = (error: unknown): void => done(() => reject(error instanceof Error ? error : new Error(String(error))));
      worker.on('message', onMessage);
      worker.on('error', onError);
    });
  const ask = async <Kind extends 'gradients' | 'losses'>(
    kind: Kind,
    rows: TrainingRows,
  ): Promise<Extract<WorkerReply, { kind: Kind }>> => {
    const reply = answer();
    worker.postMessage({ kind, rows } satisfies WorkerRequest);
    return (await reply) as Extract<WorkerReply, { kind: Kind }>;
  };
  const ready = await answer();
  return {
    description: ready.kind === 'ready' ? ready.description : '',
    result: new Float32Array(gradients),
    gradients: async (rows) => (await ask('gradients', rows)).loss,
    losses: async (rows) => (await ask('losses', rows)).losses,
    close: async () => void (await worker.terminate()),
  };
}
