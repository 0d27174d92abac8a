import { maskedCrc32c } from './masked-crc32c.js';

/** What one record of an event file says. Times are seconds since 1970. */
export type TensorboardEvent = { readonly wallTime: number } & (
  | { readonly kind: 'version' }
  /** Training (re)starts here: readers forget what they knew of this step and later ones. */
  | { readonly kind: 'start'; readonly step: number }
  | { readonly kind: 'scalars'; readonly step: number; readonly values: Readonly<Record<string, number>> }
);

/**
 * One record of a TensorBoard event file: length (uint64), its checksum, an `Event` message in protocol buffer encoding, its checksum, all
 * little-endian (tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto).
 */
export function eventRecord(event: TensorboardEvent): Uint8Array {
  const message = Buffer.concat(eventFields(event));
  const record = Buffer.alloc(12 + message.length + 4);
  record.writeBigUInt64LE(BigInt(message.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  message.copy(record, 12);
  record.writeUInt32LE(maskedCrc32c(message), 12 + message.length);
  return record;
}

/** Field numbers of `Event`: wall_time 1, step 2, file_version 3, summary 5, session_log 7. */
function eventFields(event: TensorboardEvent): Uint8Array[] {
  const time = Buffer.alloc(9);
  time[0] = (1 << 3) | 1;
  time.writeDoubleLE(event.wallTime, 1);
  if (event.kind === 'version') return [time, bytesField(3, Buffer.from('brain.Event:2'))];
  const step = Buffer.from([(2 << 3) | 0, ...varint(event.step)]);
  // SessionLog: status 1, START being 1.
  if (event.kind === 'start') return [time, step, bytesField(7, Buffer.from([(1 << 3) | 0, 1]))];
  const values = Object.entries(event.values).map(([tag, value]) => {
    // Summary.Value: tag 1, simple_value 2.
    const simple = Buffer.alloc(5);
    simple[0] = (2 << 3) | 5;
    simple.writeFloatLE(value, 1);
    return bytesField(1, Buffer.concat([bytesField(1, Buffer.from(tag)), simple]));
  });
  return [time, step, bytesField(5, Buffer.concat(values))];
}

function bytesField(number: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(content.length)]), content]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}
