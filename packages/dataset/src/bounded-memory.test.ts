import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { NlaRow } from '@nlakit/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { foreignSidecar } from './__fixtures__/foreign-rows.js';
import { openSplit, writeSplit } from './index.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const MiB = 2 ** 20;
const dModel = 4096;
/** 56 MiB of vectors in 14 row groups. */
const rows = 14 * 256;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nlakit-memory-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The most memory in use after a full collection, over what was in use at first: what is really held, whatever the collector does. */
function memoryMeter(): { sample(): void; peak(): number } {
  const used = (): number => {
    collect();
    // Buffers are given back beside the program; a second collection waits until those of the first one are.
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  let most = 0;
  return {
    sample: () => {
      most = Math.max(most, used() - before);
    },
    peak: () => most,
  };
}

function row(index: number): NlaRow {
  const text = `text ${index} `.repeat(20);
  return {
    id: `r${index}`,
    documentId: `d${index >> 1}`,
    vector: new Float32Array(dModel).fill(index),
    explanation: text.trim(),
    text,
    rawTokens: 5,
  };
}

it('writes and reads a file of which only a few row groups are in memory at a time', async () => {
  const { createdBy: _, ...sidecar } = foreignSidecar('av_sft', rows, dModel);
  const writing = memoryMeter();
  const { file } = await writeSplit(
    folder,
    'avSft',
    (function* () {
      for (let index = 0; index < rows; index += 1) {
        if (index % 1024 === 0) writing.sample();
        yield row(index);
      }
    })(),
    sidecar,
  );
  expect((await stat(file)).size).toBeGreaterThan(56 * MiB);
  expect(writing.peak()).toBeLessThan(32 * MiB);

  const reading = memoryMeter();
  const streamed = await openSplit(file);
  let next = 0;
  for await (const batch of streamed.batches()) {
    expect([batch[0]?.vector[7], batch[0]?.id]).toEqual([next, `r${next}`]);
    next += batch.length;
    if (next % 1024 === 0) reading.sample();
  }
  expect(next).toBe(rows);
  expect(reading.peak()).toBeLessThan(32 * MiB);

  const choosing = memoryMeter();
  const split = await openSplit(file, 'avSft', { cacheBytes: 12 * MiB });
  for (let pass = 0; pass < 20; pass += 1) {
    const index = (pass * 6151) % rows;
    expect((await split.rows([index]))[0]?.vector[1]).toBe(index);
    choosing.sample();
  }
  expect(choosing.peak()).toBeLessThan(36 * MiB);

  // The same meter over a reader that keeps everything: it does see what is held.
  const keeping = memoryMeter();
  const greedy = await openSplit(file, 'avSft', { cacheBytes: 1024 * MiB });
  for (let group = 0; group < 14; group += 1) await greedy.rows([group * 256]);
  keeping.sample();
  expect(keeping.peak()).toBeGreaterThan(48 * MiB);
  expect(await greedy.rows([0])).toHaveLength(1);
});
