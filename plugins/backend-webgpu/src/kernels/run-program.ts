import { util } from '@tensorflow/tfjs-core';
import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

/** One dispatch of a compute shader. */
export interface ProgramCall {
  /** Names the code: two calls with the same key must have the same code and the same names of inputs and uniforms. */
  readonly key: string;
  /** WGSL with `fn main(index : i32)`, or `fn main()` if {@link groups} has two numbers. Its output is `result`. */
  readonly code: string;
  /** Buffers under the names they have in the code, flat. */
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  /** Names of f32 inputs that the code sees as `array<vec4<f32>>`; their sizes are multiples of 4. */
  readonly vectors?: readonly string[];
  /** Whole numbers, `uniforms.name` in the code. */
  readonly integers?: Readonly<Record<string, number>>;
  /** Other numbers, `uniforms.name` in the code. */
  readonly floats?: Readonly<Record<string, number>>;
  readonly outputShape: readonly number[];
  readonly outputDtype?: DataType;
  /** Invocations of a workgroup; 64 if left out. */
  readonly groupSize?: number;
  /**
   * Number of workgroups: one number for a flat index, two for `workgroupId.x` and `.y`. One invocation per element of the output if left
   * out. Of a flat index there may be more than asked for, so the code must not write where it is too large.
   */
  readonly groups?: readonly [number] | readonly [number, number];
}

/** Runs a program and returns its output. */
export function runProgram(backend: WebGPUBackend, call: ProgramCall): TensorInfo {
  const { key, code, inputs, vectors = [], integers = {}, floats = {}, outputShape, outputDtype = 'float32', groupSize = 64 } = call;
  const size = util.sizeFromShape([...outputShape]);
  const { groups = [Math.ceil(size / groupSize)] } = call;
  const names = Object.keys(inputs);
  // Flat, so that the number of axes is no part of what tfjs compiles a shader for.
  const flat = Object.values(inputs).map(({ dataId, dtype, shape }) => ({ dataId, dtype, shape: [util.sizeFromShape(shape)] }));
  const output = backend.runWebGPUProgram(
    {
      outputShape: [size],
      variableNames: names,
      variableComponents: names.map((name) => (vectors.includes(name) ? 4 : 1)),
      workgroupSize: [groupSize, 1, 1],
      dispatchLayout: groups.length === 1 ? { x: [0] } : { x: [0], y: [0] },
      dispatch: [groups[0], groups[1] ?? 1, 1],
      shaderKey: `nlakit ${key}`,
      size: true,
      uniforms: [...Object.keys(integers).map((name) => `${name} : i32, `), ...Object.keys(floats).map((name) => `${name} : f32, `)].join(
        '',
      ),
      getUserCode: () => code,
    },
    flat,
    outputDtype,
    [
      ...Object.values(integers).map((value) => ({ type: 'int32', data: [value] })),
      ...Object.values(floats).map((value) => ({ type: 'float32', data: [value] })),
    ],
  );
  return { ...output, shape: [...outputShape] };
}
