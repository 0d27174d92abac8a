import { readFile } from 'node:fs/promises';
import { NlaError } from '@nlakit/core';
import { unzipSync } from 'fflate';
import { parsePickle, type PickleReader } from './pickle.js';

/** A tensor of a `torch.save` file. */
export interface TorchTensor {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

/** A file this size is no head: `linear_head.pt` of a model of width 16384 has 1 GiB. */
const largestFile = 2 ** 30 + 2 ** 20;

/**
 * The tensors of a state dict that `torch.save` wrote (PyTorch 1.6 and later: a zip archive with a pickle). Reads float32 tensors in a plain or
 * ordered dict and nothing else; no code of the file is run: names of functions in it are compared, never looked up. Throws `E_TORCH_FILE`.
 */
export async function readTorchState(file: string): Promise<Map<string, TorchTensor>> {
  const bytes = await readFile(file);
  try {
    return tensorsOf(bytes);
  } catch (cause) {
    throw new NlaError('E_TORCH_FILE', {
      message: 'The file is no state dict that can be read here.',
      found: cause instanceof Error ? cause.message : String(cause),
      expected: 'a dict of float32 tensors, as torch.save writes it',
      fix: 'Convert it with Python: safetensors.torch.save_file(torch.load(path, weights_only=True), "value_head.safetensors").',
      file,
      kind: 'input',
      cause,
    });
  }
}

function tensorsOf(bytes: Uint8Array): Map<string, TorchTensor> {
  if (bytes.length > largestFile) throw new Error(`${bytes.length} bytes`);
  const entries = unzipSync(bytes, { filter: ({ originalSize }) => originalSize <= bytes.length });
  const pickleName = Object.keys(entries).find((name) => name.endsWith('/data.pkl'));
  const pickle = pickleName === undefined ? undefined : entries[pickleName];
  if (pickleName === undefined || pickle === undefined) throw new Error('an archive without data.pkl');
  const root = pickleName.slice(0, -'data.pkl'.length);
  const order = entries[`${root}byteorder`];
  if (order !== undefined && new TextDecoder().decode(order) !== 'little') throw new Error('big-endian data');

  const reader: PickleReader = {
    global: (name) => {
      if (!known.has(name)) throw new Error(`the function or class ${name}`);
      return { global: name };
    },
    call(callee, args) {
      if (callee === 'collections.OrderedDict') return new Map();
      if (callee === 'torch._utils._rebuild_tensor_v2') return tensor(args);
      throw new Error(`a call of ${callee}`);
    },
    persistent(id) {
      const [kind, type, key] = Array.isArray(id) ? (id as readonly unknown[]) : [];
      const name = typeof type === 'object' && type !== null && 'global' in type ? type.global : type;
      if (kind !== 'storage' || typeof key !== 'string') throw new Error('an unknown reference');
      if (name !== 'torch.FloatStorage') throw new Error(`data of type ${String(name)}`);
      const raw = entries[`${root}data/${key}`];
      if (raw === undefined || raw.length % 4 !== 0) throw new Error(`no usable data/${key}`);
      return new Float32Array(raw.slice().buffer);
    },
  };
  const state = parsePickle(pickle, reader);
  if (!(state instanceof Map)) throw new Error('something else than a dict');
  const tensors = new Map<string, TorchTensor>();
  for (const [name, value] of state) {
    if (typeof name !== 'string' || !isTensor(value)) throw new Error(`an entry ${String(name)} that is no tensor`);
    tensors.set(name, value);
  }
  return tensors;
}

const known = new Set([
  'collections.OrderedDict',
  'torch._utils._rebuild_tensor_v2',
  'torch.FloatStorage',
  'torch.HalfStorage',
  'torch.BFloat16Storage',
]);

/** Arguments: storage, offset, size, stride, requires_grad, hooks. */
function tensor(args: readonly unknown[]): TorchTensor {
  const [storage, offset, size, stride] = args;
  if (!(storage instanceof Float32Array) || typeof offset !== 'number' || !isShape(size) || !isShape(stride))
    throw new Error('a tensor of unknown form');
  let expected = 1;
  for (let axis = size.length - 1; axis >= 0; axis--) {
    if (size[axis] !== 1 && stride[axis] !== expected) throw new Error(`a tensor with strides ${stride.join(', ')}`);
    expected *= size[axis] ?? 0;
  }
  if (offset < 0 || offset + expected > storage.length) throw new Error('a tensor larger than its data');
  return { shape: size, data: storage.slice(offset, offset + expected) };
}

function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function isTensor(value: unknown): value is TorchTensor {
  return typeof value === 'object' && value !== null && 'data' in value && value.data instanceof Float32Array;
}
