import { definePlugin, type Quantizer } from '@nlakit/core';
import { plainQuantizer } from '@nlakit/ops';
import { identity } from './identity.js';
import { optionsSchema, type RoundedOptions } from './options.js';
import { roundRow } from './round-row.js';

/** What a config names. */
export const plugin = definePlugin<'quantizer', RoundedOptions>({
  kind: 'quantizer',
  name: identity.name,
  version: identity.version,
  optionsSchema,
  create: ({ bits }) => roundingQuantizer(bits),
});

/**
 * Rounds weights and keeps the rounded values as f32: the model behaves as with integers of so many bits, in the memory of f32. Once a number
 * of bits has proved good enough, a packed layout is worth writing.
 */
function roundingQuantizer(bits: number): Quantizer {
  const plain = plainQuantizer({ dtype: 'f32' });
  return {
    name: identity.name,
    record: { method: 'round rows', bits },
    bytes: (shape) => plain.bytes(shape),
    pack: (rows, shape) =>
      plain.pack(
        {
          ...rows,
          read: async (start, count) => {
            const values = (await rows.read(start, count)).slice();
            for (let row = 0; row < count; row += 1) roundRow(values.subarray(row * shape[1], (row + 1) * shape[1]), bits);
            return values;
          },
        },
        shape,
      ),
    unpack: (weight) => plain.unpack(weight),
    linear: (x, weight) => plain.linear(x, weight),
  };
}
