import type { HostTransfer } from '@nlakit/ops';
import type { NlakitAddon } from './binding.js';
import type { TensorflowEngine } from './tensorflow-engine.js';

/** Copies between tensors in this process's memory and host arrays: one each, on all threads. */
export function hostTransfer({ backend, handle }: TensorflowEngine, addon: NlakitAddon): HostTransfer {
  return {
    read: (tensor, target, add) => addon.readTensor(handle(tensor), target, add),
    write(values, shape) {
      const id = addon.writeTensor(values, Int32Array.from(shape));
      return backend.createOutputTensor({ id, shape: [...shape], dtype: backend.binding.TF_FLOAT });
    },
  };
}
