import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { NlaError } from '@nlakit/core';
import { packageRoot } from '../package-root.js';
import { libraryNames, type TensorflowFiles } from './find-tensorflow.js';
import { moduleFile, sourceFolders } from './installation.js';

const run = promisify(execFile);

/** Our sources. Those of tfjs-node compute nothing and are compiled plainly. */
const ownSources = [
  'addon',
  'attention',
  'buffers',
  'call',
  'gemm',
  'kernel_table',
  'lora',
  'moving',
  'nf4_kernels',
  'parallel',
  'row_kernels',
  'tensors',
] as const;
/** Those that must round as JavaScript does. */
const exactSources = ['gradients', 'optimizer'] as const;
const tfjsNodeSources = ['tfjs_backend', 'tfjs_binding'] as const;

/** Everything the processor of this machine has. */
const vectorFlags = ['-O3', '-march=native', '-fno-math-errno', '-fno-trapping-math', '-fopenmp-simd', '-ffp-contract=fast', '-w'];

/** No fused multiply-adds; and on x86 the widest vectors, which pay where divisions and roots take the time. */
const exactFlags = ['-ffp-contract=off', ...(process.arch === 'x64' ? ['-mprefer-vector-width=512'] : [])];

/**
 * Compiles the binding of tfjs-node and our kernels into one module in `folder`, against the libraries where they lie. One call of the C++ compiler a
 * file: no node-gyp, so neither Python nor make nor a download of headers is needed. Returns what the compiler says it is.
 * Throws `E_TENSORFLOW_COMPILER` and `E_TENSORFLOW_BUILD`.
 */
export async function buildModules(
  files: TensorflowFiles,
  folder: string,
  { progress, compiler = process.env['CXX'] ?? 'c++' }: { readonly progress: (text: string) => void; readonly compiler?: string },
): Promise<string> {
  if (process.platform === 'win32') {
    throw new NlaError('E_TENSORFLOW_COMPILER', {
      message: 'The TensorFlow backend is built on Linux and macOS only.',
      found: 'Windows',
      fix: 'Use the Windows Subsystem for Linux, or @nlakit/backend-webgpu, which needs no compiler.',
    });
  }
  const version = await compilerVersion(compiler);
  const node = join(dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')), 'include');
  const native = join(packageRoot, sourceFolders.own);
  const theirs = join(packageRoot, sourceFolders.tfjsNode);
  const common = ['-std=c++17', '-fPIC', '-fvisibility=hidden', '-DNAPI_VERSION=8', `-I${node}`, `-I${files.include}`, `-I${theirs}`];
  const compile = (...args: string[]): Promise<void> => call(compiler, args);
  const object = (name: string): string => join(folder, `${name}.o`);
  const own = (name: string, ...flags: string[]): Promise<void> =>
    compile(...common, ...vectorFlags, ...flags, '-c', join(native, `${name}.cc`), '-o', object(name));

  progress('compiling the binding and the kernels');
  await Promise.all([
    ...exactSources.map((name) => own(name, ...exactFlags)),
    ...ownSources.map((name) => own(name)),
    ...tfjsNodeSources.map((name) => compile(...common, '-O2', '-w', '-c', join(theirs, `${name}.cc`), '-o', object(name))),
  ]);
  const shared =
    process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-Wl,--no-undefined-version', '-pthread'];
  // The libraries are found where they lie: they look for the CUDA libraries of their own package relative to themselves.
  const libraries = [...libraryNames.map((name) => join(files.libraries, name)), `-Wl,-rpath,${files.libraries}`];
  const objects = [...ownSources, ...exactSources, ...tfjsNodeSources].map(object);
  await compile(...shared, '-o', join(folder, moduleFile), ...objects, ...libraries);
  await Promise.all(objects.map((path) => rm(path)));
  return version;
}

async function compilerVersion(compiler: string): Promise<string> {
  try {
    return (await run(compiler, ['--version'])).stdout.split('\n')[0] ?? compiler;
  } catch {
    throw new NlaError('E_TENSORFLOW_COMPILER', {
      message: 'There is no C++ compiler.',
      found: compiler,
      expected: 'g++ 9 or clang++ 10, or newer',
      fix: 'Install one (Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install), or set CXX.',
    });
  }
}

async function call(compiler: string, args: readonly string[]): Promise<void> {
  try {
    await run(compiler, args, { maxBuffer: 2 ** 24 });
  } catch (error) {
    const output = String((error as { readonly stderr?: string }).stderr ?? error);
    const line = output.split('\n').find((text) => /error|undefined|cannot find/i.test(text)) ?? output.slice(0, 300);
    throw new NlaError('E_TENSORFLOW_BUILD', {
      message: 'The native modules could not be built.',
      found: line.trim(),
      expected: 'headers and libraries of one TensorFlow from 2.9 on, for this platform, and a compiler for C++17',
      fix: 'Take headers and libraries from the same wheel (--from), and see that the compiler is no older than g++ 9 or clang++ 10.',
    });
  }
}
