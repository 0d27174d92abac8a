import { cpus, totalmem } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { NlaError, type Backend } from '@nlakit/core';
import { offerHostTransfer, selfTest } from '@nlakit/ops';
import { useUpdateKernels } from '@nlakit/optim';
import { compiledUpdates } from './compiled-updates.js';
import { halfProducts, machineFeatures } from './optional-arithmetic.js';
import bundle from './generated/node-kernel-backend.mjs';
import { hostTransfer } from './host-transfer.js';
import { loadModules } from './load-modules.js';
import { optionsSchema, type TensorflowBackendOptions } from './options.js';
import { registerKernels } from './register-kernels.js';
import { attachEngine, createEngine, engineOf, type TensorflowEngine } from './tensorflow-engine.js';

/** Name of the tfjs backend. */
const name = 'tensorflow';

/**
 * Makes the tfjs backend `tensorflow` ready and current: tfjs-node's kernels on the TensorFlow that `nla backend install tensorflow`
 * built against, and ours. A process has one TensorFlow: called again it returns another handle on the same one, with the options of the
 * last call (`installation` and `threads` hold from the first). Throws `E_BACKEND_UNAVAILABLE` if there is none.
 */
export async function createTensorflowBackend(options: Partial<TensorflowBackendOptions> = {}): Promise<Backend> {
  const { multiply, kernels, ...loading } = optionsSchema.parse(options);
  tf.env().set('PROD', true);
  const engine = await startTfjs({ ...loading, multiply });
  useUpdateKernels(engine.modules.addon === undefined ? undefined : compiledUpdates(engine.modules.addon));
  const domainKernels = registerKernels({ multiply, own: kernels === 'own' && ownKernelsRun(engine) });
  return handle(engine, multiply, domainKernels);
}

async function startTfjs(options: {
  readonly installation?: string | undefined;
  readonly threads?: number | undefined;
  readonly multiply: 'f32' | 'bf16';
}): Promise<TensorflowEngine> {
  if (tf.engine().registryFactory[name] === undefined) {
    const modules = await loadModules({
      ...(options.installation === undefined ? {} : { installation: options.installation }),
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      multiply: options.multiply,
    });
    tf.registerBackend(
      name,
      () => {
        const backend = new bundle.NodeJSKernelBackend(modules.binding, 'nlakit');
        const engine = createEngine(backend, modules);
        attachEngine(engine);
        if (modules.addon !== undefined && !backend.isUsingGpuDevice) offerHostTransfer(backend, hostTransfer(engine, modules.addon));
        return backend;
      },
      3,
    );
  }
  if (!(await tf.setBackend(name))) {
    throw new NlaError('E_BACKEND_UNAVAILABLE', {
      message: 'The TensorFlow backend cannot be used.',
      found: 'tfjs could not start it',
      fix: 'Run `nla doctor`, and `nla backend install tensorflow` again.',
    });
  }
  await tf.ready();
  return engineOf(tf.backend());
}

/** Our kernels are for the CPU, and need our module. */
function ownKernelsRun({ backend, modules }: TensorflowEngine): boolean {
  return modules.addon !== undefined && !backend.isUsingGpuDevice;
}

function handle(engine: TensorflowEngine, multiply: 'f32' | 'bf16', kernels: readonly string[]): Backend {
  const { account, backend, modules } = engine;
  const device = backend.isUsingGpuDevice ? 'GPU' : `${process.env['TF_NUM_INTRAOP_THREADS'] ?? cpus().length} threads`;
  return {
    name,
    description: `${modules.origin} (${device}${multiply === 'bf16' ? ', bf16 products' : ''}), tfjs-node 4.22.0, Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? process.arch}`,
    capabilities: {
      kernels,
      multiply: multiply === 'bf16' ? ['f32', 'bf16'] : ['f32'],
      maxTensorBytes: 2 ** 34,
      // What a GPU has is not told by the binding.
      ...(backend.isUsingGpuDevice ? {} : { deviceBytes: totalmem() }),
      synchronousRead: true,
    },
    memory: () => ({ liveBytes: account.liveBytes, peakBytes: account.peakBytes, tensors: tf.memory().numTensors }),
    selfTest,
    optionalArithmetic: async () => [halfProducts(backend.isUsingGpuDevice ? 'gpu' : await machineFeatures())],
    dispose: () => {
      stopTfjs(engine);
      return Promise.resolve();
    },
  };
}

/** Ends the backend. It can be started again; tensors that are still alive are lost, and disposing them does nothing. */
function stopTfjs({ backend, modules }: TensorflowEngine): void {
  if (tf.engine().registry[name] !== backend) return;
  const factory = tf.findBackendFactory(name);
  tf.removeBackend(name);
  if (factory !== null) tf.registerBackend(name, factory, 3);
  backend.disposeData = () => true;
  modules.addon?.trim();
}
