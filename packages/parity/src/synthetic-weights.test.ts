import { expect, it } from 'vitest';
import { tinyConfig } from './fixtures.js';
import { maxDifference } from './numbers.js';
import { syntheticTensors } from './synthetic-weights.js';
import { tinyTensors } from './tiny-model.js';

it('the generator makes the golden checkpoint, bit for bit', async () => {
  const made = syntheticTensors(tinyConfig());
  const stored = await tinyTensors();
  expect([...made.keys()].sort()).toEqual([...stored.keys()].sort());
  for (const [name, { data }] of made) expect(maxDifference(data, stored.get(name)?.data ?? []), name).toBe(0);
});
