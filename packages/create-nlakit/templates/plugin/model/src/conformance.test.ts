import { plugin as wasm } from '@nlakit/backend-wasm';
import { describeConformance } from '@nlakit/conformance/vitest';
import { createWasmBackend } from '@nlakit/backend-wasm';
import { plugin } from './index.js';

describeConformance(
  plugin,
  { badOptions: [{ source: '' }, { layer: -1 }], text: 'a large tree', engine: () => createWasmBackend({}) },
  { out: 'conformance.json' },
);
