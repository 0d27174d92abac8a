import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NlaError } from '@nlakit/core';
import { packageRoot } from '../package-root.js';
import { buildModules } from './build-modules.js';
import { findTensorflow } from './find-tensorflow.js';
import {
  installationName,
  installationsFolder,
  moduleFile,
  processorId,
  readInstallation,
  recordFile,
  sourcesId,
  type Installation,
} from './installation.js';

/** What {@link installTensorflow} is told. */
export interface InstallOptions {
  /**
   * Where TensorFlow is: a folder with libraries and headers, a wheel of `tensorflow` or `tensorflow-cpu`, a folder of wheels, or a Python
   * that has one installed. Default: the tested wheel of `tensorflow-cpu` (with `gpu`, of `tensorflow`) is fetched by pip.
   */
  readonly from?: string;
  /** Fetch the build for CUDA. */
  readonly gpu?: boolean;
  /** Where installations are kept. Default: {@link installationsFolder}. */
  readonly cache?: string;
  /** Told what is being done, in a few words. */
  readonly progress?: (text: string) => void;
}

/** What the check of a new installation prints. */
interface Probe {
  readonly version: string;
  readonly gpu: boolean;
  readonly product: readonly number[];
}

/**
 * Installs the TensorFlow backend: finds headers and libraries, compiles the binding and our kernels against them, runs both in a process
 * of their own, and only then gives the folder its name. Nothing is downloaded but the wheel, and that only if `from` is not given.
 * Throws `E_TENSORFLOW_SOURCE`, `E_TENSORFLOW_FETCH`, `E_TENSORFLOW_COMPILER`, `E_TENSORFLOW_BUILD`, `E_TENSORFLOW_LOAD`.
 */
export async function installTensorflow(options: InstallOptions = {}): Promise<Installation> {
  const { from, gpu = false, cache = installationsFolder(), progress = () => undefined } = options;
  await mkdir(cache, { recursive: true });
  const files = await findTensorflow(from, { cache, gpu, progress });
  const partial = await mkdtemp(join(cache, 'building.'));
  try {
    const compiler = await buildModules(files, partial, { progress });
    progress('checking it');
    const probe = await probeModule(partial);
    const made = {
      schema: 1,
      tensorflow: probe.version,
      libraries: files.libraries,
      gpu: probe.gpu,
      sources: await sourcesId(),
      processor: await processorId(),
      compiler,
      installedAt: new Date().toISOString(),
    } as const;
    const folder = join(cache, installationName(made));
    await writeFile(join(partial, recordFile), `${JSON.stringify({ ...made, folder }, null, 2)}\n`);
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
    const installed = await readInstallation(folder);
    if (typeof installed === 'string')
      throw new NlaError('E_TENSORFLOW_LOAD', { message: 'The installation is not usable.', found: installed });
    return installed;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Loads the module in a fresh process, and multiplies two matrices by TensorFlow and by a kernel of ours. */
async function probeModule(folder: string): Promise<Probe> {
  let output: string;
  try {
    const script = join(packageRoot, 'native/probe.mjs');
    output = (
      await promisify(execFile)(process.execPath, [script, join(folder, moduleFile)], {
        env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
      })
    ).stdout;
  } catch (error) {
    throw loadFailure(String((error as { readonly stderr?: string }).stderr ?? error));
  }
  const probe = JSON.parse(output.trim().split('\n').at(-1) ?? '{}') as Probe;
  const right = probe.product.join() === '19,22,43,50,19,22,43,50';
  if (right) return probe;
  throw new NlaError('E_TENSORFLOW_LOAD', {
    message: 'The new module loads, but does not compute what it should.',
    found: `[[1,2],[3,4]] x [[5,6],[7,8]] = ${probe.product.join()}`,
    expected: '19,22,43,50 twice (by TensorFlow and by our kernel)',
    fix: 'Use another build of TensorFlow (--from).',
  });
}

/** Known ways in which a library does not load, and what to do about each. */
const causes: readonly (readonly [RegExp, string])[] = [
  [
    /GLIBC(XX)?_[\d.]+['’` ]* not found/,
    'The library was built for a newer system: use a wheel that names an older manylinux, or a newer system.',
  ],
  [/libcudnn/, 'cuDNN is missing: install the nvidia-cudnn wheel beside tensorflow, or use tensorflow-cpu.'],
  [
    /libcuda|libcublas|libcudart|libnvidia/,
    'A CUDA library is missing: pip install "tensorflow[and-cuda]" and give that Python with --from, or use tensorflow-cpu.',
  ],
  [/wrong ELF class|Exec format|incompatible architecture/, 'The library is for another processor: use a wheel for this platform.'],
  [/Illegal instruction|SIGILL/, 'The library uses instructions that this processor lacks: use an older tensorflow-cpu.'],
];

function loadFailure(output: string): NlaError {
  const line = output.split('\n').find((text) => /error|not found|cannot open|SIG/i.test(text)) ?? output.slice(0, 300);
  const fix = causes.find(([pattern]) => pattern.test(output))?.[1];
  return new NlaError('E_TENSORFLOW_LOAD', {
    message: 'The module was built, but does not load.',
    found: line.trim(),
    fix: fix ?? 'Take headers and libraries from one wheel that fits this system (--from).',
  });
}
