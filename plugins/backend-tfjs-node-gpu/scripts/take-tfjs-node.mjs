// Takes from the npm package of tfjs-node what we build on, into src/generated:
// - tfjs-node/: the C++ sources of its binding, compiled on the user's machine against a TensorFlow of today;
// - node-kernel-backend.mjs: its JavaScript half (backend class and kernels) as one module on the tfjs-core that everybody shares. The
//   package itself imports the whole of @tensorflow/tfjs, a loader that looks for a binding of 2022, and functions of `util` that
//   Node 23 took away.
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('..', import.meta.url));
const taken = dirname(createRequire(join(here, 'package.json')).resolve('@tensorflow/tfjs-node/package.json'));
const generated = join(here, 'src/generated');
const { version } = JSON.parse(await readFile(join(taken, 'package.json'), 'utf8'));

await mkdir(join(generated, 'tfjs-node'), { recursive: true });
for (const name of await readdir(join(taken, 'binding'))) await copyFile(join(taken, 'binding', name), join(generated, 'tfjs-node', name));
// Our kernels work on the binding's tensors, in one module with it: they need its table of handles and a function that fills the exports.
await change('tfjs_backend.h', ' private:\n', ' public:  // for the kernels of nlakit\n');
await change(
  'tfjs_binding.cc',
  'NAPI_MODULE(tfe_binding, InitTFNodeJSBinding)',
  'napi_value InitBinding(napi_env env, napi_value exports) { return InitTFNodeJSBinding(env, exports); }',
);

/** Replaces what stands once in one of the sources taken. */
async function change(name, found, replacement) {
  const path = join(generated, 'tfjs-node', name);
  const source = await readFile(path, 'utf8');
  if (source.split(found).length !== 2) throw new Error(`${name} of tfjs-node ${version} has not one ${found}`);
  await writeFile(path, source.replace(found, replacement));
}

/** Modules that are replaced: what is imported, and the source that stands for it. */
const replaced = new Map([
  // The kernels use nothing of the union package beyond the core.
  ['@tensorflow/tfjs', `module.exports = require('@tensorflow/tfjs-core');`],
  ['util', `exports.isNullOrUndefined = (value) => value === null || value === undefined; exports.isArray = Array.isArray;`],
  // Messages of TensorBoard summaries, which nlakit writes by itself.
  ['./proto/api_pb', `module.exports = {};`],
]);

await build({
  stdin: {
    contents: `
      require('${join(taken, 'dist/register_all_kernels.js')}');
      module.exports.NodeJSKernelBackend = require('${join(taken, 'dist/nodejs_kernel_backend.js')}').NodeJSKernelBackend;
    `,
    resolveDir: here,
  },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  external: ['@tensorflow/tfjs-core'],
  outfile: join(generated, 'node-kernel-backend.mjs'),
  banner: {
    js: `// From @tensorflow/tfjs-node ${version}, Apache-2.0, Google LLC.\nimport { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);`,
  },
  plugins: [
    {
      name: 'replacements',
      setup({ onResolve, onLoad }) {
        const pattern = new RegExp(`^(?:${[...replaced.keys()].map((key) => key.replace(/[./]/g, '\\$&')).join('|')})$`);
        onResolve({ filter: pattern }, ({ path }) => ({ path, namespace: 'replaced' }));
        onLoad({ filter: /.*/, namespace: 'replaced' }, ({ path }) => ({ contents: replaced.get(path), loader: 'js', resolveDir: here }));
      },
    },
  ],
  logLevel: 'error',
});

await writeFile(
  join(generated, 'node-kernel-backend.d.mts'),
  `import type { KernelBackend, DataStorage, TensorInfo, Tensor } from '@tensorflow/tfjs-core';
import type { TfjsBinding, OpAttribute, RawTensor } from '../binding.js';

/** A tensor's entry: values not uploaded yet, or the id of a handle. */
export interface TensorEntry {
  shape: number[];
  dtype: number;
  values: Float32Array | Int32Array | Uint8Array | null;
  id: number;
  refCount: number;
}

/** The backend class of tfjs-node, as far as we use it. */
declare const bundle: {
  NodeJSKernelBackend: new (binding: TfjsBinding, packageName: string) => NodeKernelBackend;
};
export interface NodeKernelBackend extends KernelBackend {
  readonly binding: TfjsBinding;
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: DataStorage<TensorEntry>;
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
  createOutputTensor(metadata: RawTensor): Tensor;
  executeSingleOutput(name: string, attributes: readonly OpAttribute[], inputs: readonly TensorInfo[]): Tensor;
  executeMultipleOutputs(name: string, attributes: readonly OpAttribute[], inputs: readonly TensorInfo[], outputs: number): Tensor[];
}
export default bundle;
`,
);
