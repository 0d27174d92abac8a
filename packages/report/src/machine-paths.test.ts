import { expect, it } from 'vitest';
import { withoutMachinePaths } from './machine-paths.js';

it.each([
  ['/home/me/models/gemma', '…/gemma'],
  ['~/data/rows.parquet', '…/rows.parquet'],
  ['C:\\Users\\me\\x.yaml', '…/x.yaml'],
  ['file:///tmp/a/b.json', '…/b.json'],
  ['/home/me/My Models/gemma', '…/gemma'],
  ['see /var/data/x.txt, and /var/data/y.txt.', 'see …/x.txt, and …/y.txt.'],
])('cuts %s', (text, expected) => {
  expect(withoutMachinePaths(text)).toBe(expected);
});

it.each([
  '../../runs/a/data/x.parquet',
  './data/x.parquet',
  '@nlakit/tiny-gemma4',
  'google/gemma-4-E2B',
  'https://huggingface.co/a/b/c',
  '(?:model\\.language_model|model)\\.layers\\.\\d+\\.(?:self_attn|mlp)\\.(?:q_proj|up_proj)',
  'and/or, 1/2/3',
])('keeps %s', (text) => {
  expect(withoutMachinePaths({ a: [text] })).toEqual({ a: [text] });
});
