import { tf } from '../tensorflow.js';

/** The kernels that `run` calls itself, and would record: not those that run inside another. */
export function recordedKernels(run: () => unknown): string[] {
  const names: string[] = [];
  const engine = tf.engine();
  const runKernel = engine.runKernel.bind(engine);
  const depth = () => (engine.state as { kernelDepth: number }).kernelDepth;
  const listening: typeof runKernel = (name, inputs, attrs) => {
    if (depth() === 0) names.push(name);
    return runKernel(name, inputs, attrs);
  };
  engine.runKernel = listening;
  try {
    run();
  } finally {
    engine.runKernel = runKernel;
  }
  return names;
}
