import { tf } from './tensorflow.js';

/** Time spent in one kernel, without the kernels it called itself. */
export interface KernelTime {
  readonly name: string;
  readonly calls: number;
  readonly milliseconds: number;
}

/**
 * Measures where the time of `action` goes, kernel by kernel, by standing in for the engine's `runKernel`. Means something on engines
 * that compute synchronously, as wasm and tfjs-node do; elsewhere it is the time of handing work over. What is not in a kernel (recording, shapes, copies to the host) is `(rest)`.
 */
export async function profileKernels(action: () => Promise<unknown>): Promise<KernelTime[]> {
  const engine = tf.engine();
  const runKernel = engine.runKernel.bind(engine);
  const times = new Map<string, { calls: number; milliseconds: number }>();
  // Time of the kernels called inside the one that runs, by depth.
  const inner: number[] = [];
  const measured: typeof runKernel = (name, inputs, attrs) => {
    inner.push(0);
    const start = performance.now();
    try {
      return runKernel(name, inputs, attrs);
    } finally {
      const whole = performance.now() - start;
      const own = whole - (inner.pop() ?? 0);
      if (inner.length > 0) inner[inner.length - 1] = (inner[inner.length - 1] ?? 0) + whole;
      const entry = times.get(name) ?? { calls: 0, milliseconds: 0 };
      times.set(name, { calls: entry.calls + 1, milliseconds: entry.milliseconds + own });
    }
  };
  engine.runKernel = measured;
  const start = performance.now();
  try {
    await action();
  } finally {
    engine.runKernel = runKernel;
  }
  const whole = performance.now() - start;
  const list = [...times].map(([name, time]) => ({ name, ...time }));
  const inKernels = list.reduce((sum, time) => sum + time.milliseconds, 0);
  return [...list, { name: '(rest)', calls: 1, milliseconds: whole - inKernels }].sort((a, b) => b.milliseconds - a.milliseconds);
}
