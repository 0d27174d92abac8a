import { usage, type CommandContext } from '../command-context.js';

/** `nla backend install tensorflow`: what a backend needs besides its npm package. */
export async function backendInstall(
  { log, print }: CommandContext,
  options: { readonly from?: string; readonly gpu?: boolean },
  engine = '',
): Promise<undefined> {
  if (engine !== 'tensorflow') throw usage('The engine', engine, 'tensorflow (wasm needs nothing; webgpu: npm install webgpu)');
  const { installTensorflow } = await import('@nlakit/backend-tfjs-node-gpu/install');
  const installed = await installTensorflow({ ...options, progress: (text) => log.info(`${text} ...`) });
  print(installed, () =>
    [
      `TensorFlow ${installed.tensorflow} is ready (${installed.gpu ? 'it found a GPU' : 'on the processor'}).`,
      `Installed in ${installed.folder}`,
      'Use it: backend: { use: "@nlakit/backend-tfjs-node-gpu" } in a config, or --backend @nlakit/backend-tfjs-node-gpu.',
    ].join('\n'),
  );
  return undefined;
}
