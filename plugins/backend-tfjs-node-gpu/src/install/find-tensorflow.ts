import { execFile } from 'node:child_process';
import { access, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { NlaError } from '@nlakit/core';
import { extractWheel } from './extract-wheel.js';

/** Headers and libraries of TensorFlow on disk. */
export interface TensorflowFiles {
  /** Folder with `libtensorflow_cc.so.2` and `libtensorflow_framework.so.2`. */
  readonly libraries: string;
  /** Folder with `tensorflow/c/c_api.h`. */
  readonly include: string;
}

/** Names of the two libraries on this platform. */
export const libraryNames =
  process.platform === 'darwin'
    ? (['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib'] as const)
    : (['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const);

/** The version that is fetched where nobody names another: tested with this package. */
const testedVersion = '2.21.0';

const run = promisify(execFile);

/** Where the files of `source` are, once they are on disk; wheels are unpacked into `cache`, once. */
export async function findTensorflow(
  source: string | undefined,
  { cache, gpu, progress }: { readonly cache: string; readonly gpu: boolean; readonly progress: (text: string) => void },
): Promise<TensorflowFiles> {
  if (source === undefined) return unpacked(await fetchWheel(cache, gpu, progress), cache, progress);
  const path = resolve(source);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) {
    const files = await inFolder(path);
    if (files !== undefined) return files;
    const wheel = (await readdir(path)).find((name) => /^tensorflow(_cpu)?-.*\.whl$/.test(name));
    if (wheel !== undefined) return unpackedAll(path, cache, progress);
    throw notTensorflow(path, `a folder with ${libraryNames.join(' and ')} and include/, or with wheels of tensorflow`);
  }
  if (found?.isFile() === true && path.endsWith('.whl')) return unpacked(path, cache, progress);
  return ofPython(source);
}

/** The files in a folder: the package folder of a wheel or of an installed Python, its parent, or an unpacked libtensorflow. */
async function inFolder(folder: string): Promise<TensorflowFiles | undefined> {
  for (const base of [folder, join(folder, 'tensorflow')]) {
    for (const libraries of [base, join(base, 'lib')]) {
      const names = await Promise.all(libraryNames.map((name) => exists(join(libraries, name))));
      const include = (await exists(join(base, 'include/tensorflow/c/c_api.h'))) ? join(base, 'include') : undefined;
      if (names.every(Boolean) && include !== undefined) return { libraries, include };
    }
  }
  return undefined;
}

/** The package that a Python has, found without importing it. */
async function ofPython(python: string): Promise<TensorflowFiles> {
  const script =
    'import importlib.util, os\ns = importlib.util.find_spec("tensorflow")\nprint(os.path.dirname(s.origin) if s and s.origin else "")';
  let folder: string;
  try {
    folder = (await run(python, ['-c', script])).stdout.trim();
  } catch (error) {
    throw new NlaError('E_TENSORFLOW_SOURCE', {
      message: 'There is no TensorFlow there.',
      found: `${python}: neither a folder, nor a wheel, nor a Python that runs (${firstLine(error)})`,
      expected: 'a folder or a wheel of tensorflow or tensorflow-cpu, or a Python that has one of them installed',
      fix: `Download a wheel (pip download --no-deps tensorflow-cpu==${testedVersion}) and give its path with --from.`,
      kind: 'input',
    });
  }
  const files = folder === '' ? undefined : await inFolder(folder);
  if (files === undefined) throw notTensorflow(folder === '' ? `${python} has no tensorflow` : folder, libraryNames.join(' and '));
  return files;
}

/** Downloads the tested wheel with pip, which knows the user's index, proxy and certificates. Returns its path. */
async function fetchWheel(cache: string, gpu: boolean, progress: (text: string) => void): Promise<string> {
  const name = gpu ? 'tensorflow' : 'tensorflow-cpu';
  const folder = join(cache, `wheel-${name}-${testedVersion}`);
  const present = (await readdir(folder).catch(() => [])).find((file) => file.endsWith('.whl'));
  if (present !== undefined) return join(folder, present);
  progress(`fetching ${name} ${testedVersion} (about ${gpu ? 650 : 275} MB)`);
  const partial = await mkdtemp(`${folder}.`);
  try {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:', '--python-version', '3.12', '-d', partial];
    await run(process.env['NLAKIT_PYTHON'] ?? 'python3', [...pip, `${name}==${testedVersion}`], { maxBuffer: 2 ** 24 });
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
  } catch (error) {
    throw new NlaError('E_TENSORFLOW_FETCH', {
      message: `The wheel of ${name} ${testedVersion} could not be fetched.`,
      found: firstLine(error),
      expected: 'python3 with pip, and a package index that it reaches',
      fix: 'Download the wheel on any machine and give its path with --from, or name a Python that has tensorflow.',
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  const wheel = (await readdir(folder)).find((file) => file.endsWith('.whl'));
  if (wheel === undefined) throw notTensorflow(folder, 'a wheel');
  return join(folder, wheel);
}

/** Every wheel of a folder (TensorFlow and the CUDA libraries it wants) unpacked side by side, as an installed Python has them. */
async function unpackedAll(folder: string, cache: string, progress: (text: string) => void): Promise<TensorflowFiles> {
  const wheels = (await readdir(folder)).filter((name) => /^(tensorflow(_cpu)?|nvidia_.*)-.*\.whl$/.test(name));
  const first = wheels.find((name) => name.startsWith('tensorflow')) ?? '';
  let files: TensorflowFiles | undefined;
  for (const wheel of [first, ...wheels.filter((name) => name !== first)]) {
    files ??= await unpacked(join(folder, wheel), cache, progress);
    if (wheel !== first) await extractWheel(join(folder, wheel), join(files.libraries, '..'), (name) => /^nvidia\/.*\.so/.test(name));
  }
  if (files === undefined) throw notTensorflow(folder, 'wheels of tensorflow');
  return files;
}

async function unpacked(wheel: string, cache: string, progress: (text: string) => void): Promise<TensorflowFiles> {
  const folder = join(cache, `files-${basename(wheel, '.whl')}`);
  const present = await inFolder(folder);
  if (present !== undefined) return present;
  progress(`unpacking ${basename(wheel)}`);
  const partial = await mkdtemp(`${folder}.`);
  try {
    const wanted = (name: string): boolean =>
      libraryNames.some((library) => name === `tensorflow/${library}`) ||
      /^tensorflow\/include\/(tensorflow\/(c|core\/platform)|xla\/tsl\/c|tsl\/platform)\/.*\.h$/.test(name);
    await extractWheel(wheel, partial, wanted);
    if ((await inFolder(partial)) === undefined)
      throw notTensorflow(wheel, `a wheel with tensorflow/${libraryNames[0]} and tensorflow/include`);
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return (await inFolder(folder)) as TensorflowFiles;
}

function notTensorflow(found: string, expected: string): NlaError {
  return new NlaError('E_TENSORFLOW_SOURCE', {
    message: 'There is no TensorFlow there.',
    found,
    expected,
    fix: `Give a wheel of tensorflow-cpu or tensorflow for this platform (tested: ${testedVersion}), or a Python that has one installed.`,
    kind: 'input',
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function firstLine(error: unknown): string {
  const { stderr, message } = error as { readonly stderr?: string; readonly message?: string };
  const lines = (stderr?.trim() === '' ? undefined : stderr) ?? message ?? String(error);
  return lines.trim().split('\n').at(-1) ?? '';
}
