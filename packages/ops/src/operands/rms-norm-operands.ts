import type { TensorInfo } from '@tensorflow/tfjs-core';
import { hasShape, input, requireShapes, rowsOf, type Operands } from './operands.js';

/** What {@link rmsNormOperands} gives. */
export interface RmsNormOperands {
  readonly x: TensorInfo;
  readonly weight: TensorInfo | undefined;
  readonly rows: number;
  readonly width: number;
}

/** The operands of NlaRmsNorm: x `[..., width]` and, optional, weight `[width]`. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function rmsNormOperands(call: Operands, kernel = 'NlaRmsNorm'): RmsNormOperands {
  const x = input(call, kernel, 'x');
  const { rows, width } = rowsOf(x);
  // tfjs hands on what is left out as undefined or as null.
  const given = call.inputs['weight'] as TensorInfo | null | undefined;
  const weight = given === undefined || given === null ? undefined : input(call, kernel, 'weight');
  if (weight !== undefined) requireShapes(hasShape(weight, [width]), kernel, { x, weight }, `weight [${width}]`);
  return { x, weight, rows, width };
}

/** The operands of NlaRmsNormAdd: those of NlaRmsNorm and residual, of the shape of x. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function rmsNormAddOperands(call: Operands): RmsNormOperands & { readonly residual: TensorInfo } {
  return { ...rmsNormOperands(call, 'NlaRmsNormAdd'), residual: beside(call, 'NlaRmsNormAdd', 'residual') };
}

/** The operands of NlaRmsNormGrad: those of NlaRmsNorm and dy, of the shape of x. Throws `E_KERNEL_INPUT`, `E_KERNEL_SHAPE`. */
export function rmsNormGradOperands(call: Operands): RmsNormOperands & { readonly dy: TensorInfo } {
  return { ...rmsNormOperands(call, 'NlaRmsNormGrad'), dy: beside(call, 'NlaRmsNormGrad', 'dy') };
}

function beside(call: Operands, kernel: string, name: string): TensorInfo {
  const [x, other] = [input(call, kernel, 'x'), input(call, kernel, name)];
  requireShapes(hasShape(other, x.shape), kernel, { x, [name]: other }, 'equal shapes');
  return other;
}
