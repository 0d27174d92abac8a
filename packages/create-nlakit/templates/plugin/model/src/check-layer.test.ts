import { expect, it } from 'vitest';
import { checkLayer } from './check-layer.js';

it('refuses a layer near the output, and leaves the others', () => {
  for (const layer of [undefined, 0, 7]) expect(() => checkLayer(layer, { layers: 10 })).not.toThrow();
  expect(() => checkLayer(8, { layers: 10 })).toThrow(/next token/);
});
