import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { TfjsBinding } from './binding.js';
import type { NativeModules } from './load-modules.js';

/** Packages whose own installer may have succeeded. */
const stockPackages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];

/** Where their installer puts the binding, for every Node that we run on. */
const bindingFile = 'lib/napi-v8/tfjs_binding.node';

/**
 * The binding that the installer of tfjs-node(-gpu) put into its package, which is looked for beside this package and in the working
 * directory. The JavaScript of the package is not loaded: it fails on Node 23 and newer. Why one cannot be used is added to `reasons`.
 */
export function loadStock(reasons: string[]): NativeModules | undefined {
  for (const folder of packageFolders()) {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<'name' | 'version', string>;
    if (!existsSync(join(folder, bindingFile))) {
      reasons.push(`${name} ${version} in ${folder} has no ${bindingFile}: its installer did not run, or failed`);
      continue;
    }
    try {
      const binding = createRequire(import.meta.url)(join(folder, bindingFile)) as TfjsBinding;
      return { binding, origin: `TensorFlow ${binding.TF_Version} of ${name} ${version}, stock operations` };
    } catch (error) {
      reasons.push(`${name} ${version} in ${folder}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  return undefined;
}

/** Folders of the packages that are installed, each once. */
function packageFolders(): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    for (const name of stockPackages) {
      try {
        folders.add(dirname(createRequire(from).resolve(`${name}/package.json`)));
      } catch {
        // It is not installed there.
      }
    }
  }
  return folders;
}
