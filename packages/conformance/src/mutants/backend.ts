import type { Backend } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { mutate, type Mutant } from './mutant.js';

/** Faults of a backend. */
export const backendMutants: readonly Mutant<'backend'>[] = [
  mutate('does not say which engine it is', 'backend: is what tfjs computes on', (backend) => ({ ...backend, description: '' })),
  mutate('declares a kernel that it does not have', 'backend: has the kernels it declares, and declares those it has', (backend) =>
    withCapabilities(backend, { kernels: [...backend.capabilities.kernels, 'NlaNoSuchKernel'] }),
  ),
  mutate('states no limit', 'backend: states its limits', (backend) => withCapabilities(backend, { maxTensorBytes: NaN })),
  mutate('does not multiply in f32', 'backend: states its limits', (backend) => withCapabilities(backend, { multiply: ['bf16'] })),
  mutate('names options that it refuses', 'backend: says what options would turn on, and takes them', (backend) => ({
    ...backend,
    optionalArithmetic: () =>
      Promise.resolve([{ name: 'products of none', options: { noSuchOption: true }, support: 'native', detail: 'nothing' } as const]),
  })),
  mutate('cannot read what it says it can', 'backend: reads synchronously if and only if it says so', (backend) =>
    renamed(backend, (engine) => {
      const mute = Object.create(engine) as typeof engine;
      mute.readSync = () => {
        throw new Error('only asynchronously');
      };
      return mute;
    }),
  ),
  mutate('forgets what it allocated', 'backend: counts tensors and bytes', (backend) => ({
    ...backend,
    memory: () => ({ liveBytes: 0, peakBytes: 0, tensors: 0 }),
  })),
  mutate('fails its own test', 'backend: tests itself', (backend) => ({
    ...backend,
    selfTest: () => Promise.resolve({ ok: false, gflops: 0, detail: 'no' }),
  })),
  mutate('leaks in its own test', 'backend: tests itself', (backend) => ({
    ...backend,
    selfTest: () => {
      tf.zeros([2]);
      return backend.selfTest();
    },
  })),
  mutate('multiplies matrices inexactly', 'backend: multiplies matrices in f32', (backend) =>
    withKernel(backend, 'BatchMatMul', (value) => value * 1.0005),
  ),
  mutate('sums nothing to one', 'backend: takes arrays without elements', (backend) =>
    withKernel(backend, 'Sum', (value) => (value === 0 ? 1 : value)),
  ),
  mutate('counts in 16 bits', 'backend: takes axes longer than 65535', (backend) =>
    withKernel(backend, 'Add', (value, at) => (at > 0xffff ? 0 : value)),
  ),
  mutate('multiplies broadcast batches inexactly', 'backend: multiplies broadcast batches, however transposed', (backend) =>
    withKernel(backend, 'BatchMatMul', (value) => value * 1.0005),
  ),
  mutate('repeats a matrix of a batch too rarely', 'backend: multiplies broadcast batches, however transposed', (backend) =>
    withKernel(backend, 'Tile', (value, at) => (at < 70 ? value : 0)),
  ),
  mutate('hides a NaN', 'backend: keeps what is not finite', (backend) =>
    withKernel(backend, 'BatchMatMul', (value) => (Number.isNaN(value) ? 0 : value)),
  ),
  mutate('multiplies transposed matrices inexactly', 'backend: stock kernels, matMul 1x[33,70]ᵀ by 1x[70,45]', (backend) =>
    withKernel(backend, 'BatchMatMul', (value) => value * 1.0005),
  ),
  mutate('has a wrong exponential', 'backend: stock kernels, exp', (backend) => withKernel(backend, 'Exp', (value) => value * 1.001)),
  mutate('has a wrong tanh', 'backend: stock kernels, tanh', (backend) => withKernel(backend, 'Tanh', (value) => value * 0.999)),
  mutate('sums no rows to one', 'backend: domain kernels, rmsNorm of 0 rows', (backend) =>
    withKernel(backend, 'Sum', (value) => (value === 0 ? 1 : value)),
  ),
  mutate('treats a single row as another', 'backend: domain kernels, rmsNorm of one row', (backend) =>
    withKernel(backend, 'Rsqrt', (value, _, size) => (size === 1 ? 2 * value : value)),
  ),
  mutate('counts rows in 16 bits', 'backend: domain kernels, rmsNorm of 70001 rows', (backend) =>
    withKernel(backend, 'Rsqrt', (value, at) => (at > 0xffff ? 1 : value)),
  ),
  mutate('counts columns in 16 bits', 'backend: domain kernels, geglu of a row of 70001', (backend) =>
    withKernel(backend, 'Tanh', (value, at) => (at > 0xffff ? 0 : value)),
  ),
  mutate('normalises wrongly', 'backend: domain kernels, rmsNorm without a weight, [3,8]', (backend) =>
    withKernel(backend, 'Rsqrt', (value) => value * 1.001),
  ),
];

function withCapabilities(backend: Backend, change: Partial<Backend['capabilities']>): Backend {
  return { ...backend, capabilities: { ...backend.capabilities, ...change } };
}

let made = 0;

/** The same backend with one kernel whose results are changed, number by number. */
function withKernel(backend: Backend, kernelName: string, change: (value: number, at: number, size: number) => number): Promise<Backend> {
  return renamed(
    backend,
    (engine) => engine,
    (kernel, engine) => (parameters) => {
      const result = kernel.kernelFunc(parameters);
      if (kernel.kernelName !== kernelName || Array.isArray(result)) return result;
      const { dataId, shape, dtype } = result;
      const values = (engine.readSync(dataId) as Float32Array).map((value, at, { length }) => change(value, at, length));
      engine.disposeData(dataId);
      return { dataId: engine.write(values, [...shape], dtype), shape, dtype };
    },
  );
}

/** The same backend under a name of its own, so that the right one stays what it is. */
async function renamed(
  backend: Backend,
  engineOf: (engine: tf.KernelBackend) => tf.KernelBackend,
  kernelOf: (kernel: tf.KernelConfig, engine: tf.KernelBackend) => tf.KernelFunc = ({ kernelFunc }) => kernelFunc,
): Promise<Backend> {
  const engine = tf.findBackend(backend.name);
  const name = `${backend.name}-mutant-${(made += 1)}`;
  tf.registerBackend(name, () => engineOf(engine), 0);
  for (const kernel of tf.getKernelsForBackend(backend.name)) {
    tf.registerKernel({ ...kernel, backendName: name, kernelFunc: kernelOf(kernel, engine) });
  }
  await tf.setBackend(name);
  return { ...backend, name };
}
