import type { TensorInfo } from '@tensorflow/tfjs-core';
import { hasShape, input, requireShapes, type Operands } from './operands.js';

/** The operand of NlaSoftcapLogSumExp: logits `[row, vocabulary]`. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function softcapLogSumExpOperands(call: Operands): { readonly logits: TensorInfo; readonly rows: number; readonly width: number } {
  const kernel = 'NlaSoftcapLogSumExp';
  const logits = input(call, kernel, 'logits');
  requireShapes(logits.shape.length === 2, kernel, { logits }, 'logits [row, vocabulary]');
  const [rows = 0, width = 0] = logits.shape;
  return { logits, rows, width };
}

/** What {@link softcapCrossEntropyGradOperands} gives. */
export interface SoftcapCrossEntropyGradOperands {
  readonly logits: TensorInfo;
  readonly targets: TensorInfo;
  readonly lse: TensorInfo;
  readonly dy: TensorInfo;
  readonly rows: number;
  readonly width: number;
}

/**
 * The operands of NlaSoftcapCrossEntropyGrad: logits `[row, chunk]`, targets int32, lse and dy `[row]`. Throws `E_KERNEL_INPUT`,
 * `E_KERNEL_SHAPE`.
 */
export function softcapCrossEntropyGradOperands(call: Operands): SoftcapCrossEntropyGradOperands {
  const kernel = 'NlaSoftcapCrossEntropyGrad';
  const tensors = {
    logits: input(call, kernel, 'logits'),
    targets: input(call, kernel, 'targets', 'int32'),
    lse: input(call, kernel, 'lse'),
    dy: input(call, kernel, 'dy'),
  };
  const { logits, targets, lse, dy } = tensors;
  const [rows = 0, width = 0] = logits.shape;
  const fits = logits.shape.length === 2 && [targets, lse, dy].every((tensor) => hasShape(tensor, [rows]));
  requireShapes(fits, kernel, tensors, 'logits [row, chunk]; targets, lse and dy [row]');
  return { ...tensors, rows, width };
}
