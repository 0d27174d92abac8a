import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { NlaError } from '@nlakit/core';
import { packageRoot } from '../package-root.js';
import { libraryNames, type TensorflowFiles } from './find-tensorflow.js';
import { moduleFiles, sourceFolders } from './installation.js';

const run = promisify(execFile);

/** Our sources that depend on nothing but the C++ library, and so can be optimised freely. */
const kernelSources = ['addon', 'buffers', 'gemm', 'nf4_kernels', 'operations', 'parallel', 'row_kernels'] as const;

/** Everything the processor of this machine has. Not for tfjs-node's own sources, which compute nothing. */
const vectorFlags = ['-O3', '-march=native', '-fno-math-errno', '-fno-trapping-math', '-fopenmp-simd', '-ffp-contract=fast', '-w'];

/**
 * Compiles the binding of tfjs-node and our own module into `folder`, against the libraries where they lie. One call of the C++ compiler a
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
  const common = ['-std=c++17', '-fPIC', '-DNAPI_VERSION=8', `-I${node}`];
  const compile = (...args: string[]): Promise<void> => call(compiler, args);
  const objects = (name: string): string => join(folder, `${name}.o`);

  progress('compiling the binding and the kernels');
  const optimizer = compile(...common, ...vectorFlags, '-ffp-contract=off', '-c', join(native, 'optimizer.cc'), '-o', objects('optimizer'));
  await Promise.all([
    optimizer,
    ...kernelSources.map((name) =>
      compile(...common, ...vectorFlags, '-fvisibility=hidden', '-c', join(native, `${name}.cc`), '-o', objects(name)),
    ),
    ...['tfjs_backend', 'tfjs_binding'].map((name) =>
      compile(...common, '-O2', '-w', `-I${files.include}`, '-c', join(theirs, `${name}.cc`), '-o', objects(name)),
    ),
  ]);
  const shared =
    process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-Wl,--no-undefined-version', '-pthread'];
  // The libraries are found where they lie: they look for the CUDA libraries of their own package relative to themselves.
  const libraries = [...libraryNames.map((name) => join(files.libraries, name)), `-Wl,-rpath,${files.libraries}`];
  await compile(...shared, '-o', join(folder, moduleFiles.binding), ...['tfjs_backend', 'tfjs_binding'].map(objects), ...libraries);
  await compile(...shared, '-o', join(folder, moduleFiles.addon), ...[...kernelSources, 'optimizer'].map(objects), ...libraries);
  await Promise.all([...kernelSources, 'optimizer', 'tfjs_backend', 'tfjs_binding'].map((name) => rm(objects(name))));
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
