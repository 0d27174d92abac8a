import type { TensorInfo } from '@tensorflow/tfjs-core';
import { hasShape, input, requireShapes, type Operands } from './operands.js';

/** Inputs of that name, all of one shape. */
function equalOperands<Name extends string>(call: Operands, kernel: string, names: readonly Name[]): Readonly<Record<Name, TensorInfo>> {
  const tensors = Object.fromEntries(names.map((name) => [name, input(call, kernel, name)])) as Record<Name, TensorInfo>;
  const all: TensorInfo[] = Object.values(tensors);
  requireShapes(
    all.every((tensor) => hasShape(tensor, all[0]?.shape ?? [])),
    kernel,
    tensors,
    'equal shapes',
  );
  return tensors;
}

/** The operands of NlaGeglu, of one shape. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function gegluOperands(call: Operands): Readonly<Record<'gate' | 'up', TensorInfo>> {
  return equalOperands(call, 'NlaGeglu', ['gate', 'up']);
}

/** The operands of NlaGegluGrad, of one shape. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function gegluGradOperands(call: Operands): Readonly<Record<'gate' | 'up' | 'dy', TensorInfo>> {
  return equalOperands(call, 'NlaGegluGrad', ['gate', 'up', 'dy']);
}

/** The operands of NlaSoftmaxGrad, of one shape. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function softmaxGradOperands(call: Operands): Readonly<Record<'y' | 'dy', TensorInfo>> {
  return equalOperands(call, 'NlaSoftmaxGrad', ['y', 'dy']);
}
