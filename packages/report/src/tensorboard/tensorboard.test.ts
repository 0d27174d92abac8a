import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '@nlakit/run';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventRecord } from './event-record.js';
import { maskedCrc32c } from './masked-crc32c.js';
import { createTensorboardLog } from './tensorboard-log.js';
import { writeTensorboard } from './write-tensorboard.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nla-tensorboard-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** CRC-32C bit by bit, from its definition. */
function slowCrc(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  return Number(crc ^ 0xffffffffn);
}
const unmask = (masked: number) => {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated << 15) | (rotated >>> 17)) >>> 0;
};

interface Field {
  readonly number: number;
  readonly value: number | Buffer;
}

/** The fields of a protocol buffer message, decoded without the encoder's help. */
function fields(bytes: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes.readUInt8(at++);
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const number = key >> 3;
    const wire = key & 7;
    if (wire === 0) found.push({ number, value: varint() });
    else if (wire === 1) found.push({ number, value: bytes.readDoubleLE((at += 8) - 8) });
    else if (wire === 5) found.push({ number, value: bytes.readFloatLE((at += 4) - 4) });
    else {
      const length = varint();
      found.push({ number, value: bytes.subarray(at, (at += length)) });
    }
  }
  return found;
}

/** The messages of an event file; throws if a length or a checksum is wrong. */
function messages(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    if (unmask(file.readUInt32LE(at + 8)) !== slowCrc(file.subarray(at, at + 8))) throw new Error('checksum of the length');
    const message = file.subarray(at + 12, at + 12 + length);
    if (unmask(file.readUInt32LE(at + 12 + length)) !== slowCrc(message)) throw new Error('checksum of the message');
    found.push(message);
    at += 16 + length;
  }
  return found;
}

/** Step and tag to value, in order. */
function scalars(file: Buffer): [number, string, number][] {
  return messages(file).flatMap((message) => {
    const all = fields(message);
    const step = Number(all.find(({ number }) => number === 2)?.value ?? 0);
    const summary = all.find(({ number }) => number === 5)?.value;
    if (!Buffer.isBuffer(summary)) return [];
    return fields(summary).map(({ value }): [number, string, number] => {
      const [tag, simple] = fields(value as Buffer);
      return [step, String(tag?.value), Number(simple?.value)];
    });
  });
}

const at = (second: number) => new Date(1_700_000_000_000 + 1000 * second).toISOString();
const step = (role: 'av' | 'ar', number: number, loss: number): RunEvent => ({
  time: at(number),
  stage: 'train',
  role,
  type: 'step',
  step: number,
  steps: 300,
  figures: { loss, learningRate: 1e-4 },
});
const events: readonly RunEvent[] = [
  { time: at(0), stage: 'train', role: 'ar', type: 'start', steps: 1, backend: 'cpu' },
  step('ar', 1, 1.5),
  { time: at(2), stage: 'train', role: 'av', type: 'start', steps: 300, backend: 'cpu' },
  step('av', 1, 4.25),
  step('av', 200, 3.5),
  { time: at(201), stage: 'train', role: 'av', type: 'checkpoint', step: 200, reason: 'save', health: { vectorGap: 0.125 } },
  { time: at(202), stage: 'eval', type: 'evaluation', evaluator: 'h5', step: 200, headline: { delta: 0.5 }, seconds: 1 },
];

describe('maskedCrc32c', () => {
  it('is the check value of CRC-32C, masked', () => {
    expect(unmask(maskedCrc32c(Buffer.from('123456789')))).toBe(0xe3069283);
    expect(slowCrc(Buffer.from('123456789'))).toBe(0xe3069283);
    // iSCSI's test vectors (RFC 3720, B.4).
    expect(unmask(maskedCrc32c(new Uint8Array(32)))).toBe(0x8a9136aa);
    expect(unmask(maskedCrc32c(new Uint8Array(32).fill(255)))).toBe(0x62a8ab43);
  });
});

describe('eventRecord', () => {
  it('is the known bytes of a file header', () => {
    // The first record that TensorFlow writes, apart from its time: 24 bytes, version "brain.Event:2".
    const record = Buffer.from(eventRecord({ kind: 'version', wallTime: 0 }));
    expect(record.subarray(0, 12).toString('hex')).toBe('1800000000000000a37f4b22');
    expect(record.subarray(12, 36).toString('hex')).toBe(`09${'00'.repeat(8)}1a0d${Buffer.from('brain.Event:2').toString('hex')}`);
    expect(messages(record)).toHaveLength(1);
  });

  it('survives a round trip, also for steps of several bytes, and shows damage', () => {
    const record = Buffer.from(eventRecord({ kind: 'scalars', wallTime: 1.5, step: 70_000, values: { 'train/loss': 0.25, a: -3 } }));
    expect(scalars(record)).toEqual([
      [70_000, 'train/loss', 0.25],
      [70_000, 'a', -3],
    ]);
    record.writeUInt8(record.readUInt8(20) ^ 1, 20);
    expect(() => messages(record)).toThrow('checksum of the message');
  });
});

describe('event files of a run', () => {
  const only = async (where: string) => {
    const names = await readdir(where);
    return Buffer.concat(await Promise.all(names.sort().map((name) => readFile(join(where, name)))));
  };

  it('hold steps and health of each role, and evaluations', async () => {
    const run = await mkdtemp(join(folder, 'run'));
    await writeFile(join(run, 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const target = join(run, 'tensorboard');
    const files = await writeTensorboard(run, target);
    expect(files).toHaveLength(3);
    expect(scalars(await only(join(target, 'av')))).toEqual([
      [1, 'train/loss', 4.25],
      [1, 'train/learningRate', Math.fround(1e-4)],
      [200, 'train/loss', 3.5],
      [200, 'train/learningRate', Math.fround(1e-4)],
      [200, 'health/vectorGap', 0.125],
    ]);
    expect(scalars(await only(join(target, 'ar')))).toHaveLength(2);
    expect(scalars(await only(join(target, 'eval')))).toEqual([[200, 'h5/delta', 0.5]]);
    expect(await writeTensorboard(run, target)).toEqual(files);
    expect(await readdir(join(target, 'av'))).toHaveLength(1);
  });

  it('are written while the run goes on, and say where it began again', async () => {
    const target = join(folder, 'live');
    const first = createTensorboardLog(target);
    for (const event of events) await first.append(event);
    const second = createTensorboardLog(target);
    await second.append({ time: at(300), stage: 'train', role: 'av', type: 'start', steps: 300, backend: 'cpu', resumedFrom: 200 });
    await second.append(step('av', 201, 3));
    const names = (await readdir(join(target, 'av'))).sort();
    expect(names).toHaveLength(2);
    const [, restarted] = await Promise.all(names.map((name) => readFile(join(target, 'av', name))));
    const [version, start, ...rest] = messages(restarted ?? Buffer.alloc(0)).map(fields);
    expect(String(version?.[1]?.value)).toBe('brain.Event:2');
    expect(start?.map(({ number }) => number)).toEqual([1, 2, 7]);
    expect(start?.[1]?.value).toBe(201);
    expect(rest).toHaveLength(1);
  });
});
