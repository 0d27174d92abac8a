import { execFile } from 'node:child_process';
import { cp, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findInstallation, installationsFolder } from '../install/installation.js';

const run = promisify(execFile);
const compiler = process.env['CXX'] ?? 'c++';

/** A TensorFlow that a stock binding can be linked with. */
export interface StockTensorflow {
  readonly version: string;
  readonly include: string;
  /** The library that has the C interface. */
  readonly main: string;
  readonly framework: string;
}

/**
 * TensorFlow 2.9.1, which tfjs-node's installer fetches, where `scripts/stock-tensorflow.sh` put it; where that did not run, the library
 * of our installation. A sentence that says why, where there is neither, or nothing to compile with.
 */
export async function stockTensorflow(): Promise<StockTensorflow | string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'a stock installation is put together on Linux x64 only';
  try {
    await run(compiler, ['--version']);
  } catch {
    return `there is no C++ compiler (${compiler})`;
  }
  const fetched = join(installationsFolder(), 'stock-2.9.1');
  if (await stat(fetched).catch(() => undefined)) {
    const [main, framework] = [join(fetched, 'python/_pywrap_tensorflow_internal.so'), join(fetched, 'libtensorflow_framework.so.2')];
    return { version: '2.9.1', include: join(fetched, 'include'), main, framework };
  }
  const found = await findInstallation();
  if (!('folder' in found)) return `${found.join('; ')}: run scripts/stock-tensorflow.sh`;
  const [main, framework] = [join(found.libraries, 'libtensorflow_cc.so.2'), join(found.libraries, 'libtensorflow_framework.so.2')];
  return { version: found.tensorflow, include: join(found.libraries, 'include'), main, framework };
}

/**
 * Puts into `folder/node_modules/@tensorflow/tfjs-node` what the package's own installer leaves behind: the package as npm has it, the
 * libraries in `deps/lib`, and in `lib/napi-v8` the binding, compiled from the package's own sources and linked as its binding.gyp says.
 */
export async function assembleStockInstall(folder: string, { include, main, framework }: StockTensorflow): Promise<void> {
  const require = createRequire(import.meta.url);
  const published = dirname(require.resolve('@tensorflow/tfjs-node/package.json'));
  const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const made = join(folder, 'node_modules/@tensorflow/tfjs-node');
  const [libraries, bindings] = [join(made, 'deps/lib'), join(made, 'lib/napi-v8')];
  for (const place of [libraries, bindings]) await mkdir(place, { recursive: true });
  for (const name of ['package.json', 'dist', 'binding']) {
    await cp(join(published, name), join(made, name), { recursive: true, dereference: true });
  }
  for (const library of [main, framework]) await symlink(library, join(libraries, basename(library)));

  const linking = ['-shared', '-fPIC', '-pthread', `-L${libraries}`, '-Wl,--no-as-needed'];
  // In the wheel of 2.9.1 the C interface is in a module of Python. What that wants of Python is never called; room without content stands
  // in for it, in a library with the name that the stock one has.
  const { stdout } = await run('nm', ['-D', '--undefined-only', main], { maxBuffer: 2 ** 28 });
  const ofPython = [...stdout.matchAll(/ U (_?Py\w+)/g)].map(([, name]) => name ?? '');
  const stub = join(libraries, 'python.cc');
  await writeFile(stub, `extern "C" {\n${ofPython.map((name) => `void *${name}[64];\n`).join('')}}\n`);
  await run(compiler, [...linking, stub, '-o', join(libraries, 'libtensorflow.so.2'), `-l:${basename(main)}`, '-Wl,-rpath,$ORIGIN']);

  const objects = ['tfjs_backend', 'tfjs_binding'].map((name) => join(made, `binding/${name}.o`));
  const flags = ['-std=c++17', '-fPIC', '-O2', '-w', '-DNAPI_VERSION=8', `-I${headers}`, `-I${include}`];
  await Promise.all(objects.map((object) => run(compiler, [...flags, '-c', object.replace(/o$/, 'cc'), '-o', object])));
  const binding = ['-l:libtensorflow.so.2', '-l:libtensorflow_framework.so.2', '-Wl,-rpath,$ORIGIN/../../deps/lib'];
  await run(compiler, [...linking, ...objects, '-o', join(bindings, 'tfjs_binding.node'), ...binding]);
}
