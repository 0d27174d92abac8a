import { access, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isNlaError, NlaError } from '@nlakit/core';
import { isRepositoryId, parseRepositoryReference, resolveCachedModel } from '@nlakit/hub';

/** Where a model's files lie, and what to call it. */
export interface ResolvedSource {
  readonly folder: string;
  /** The package name, the Hub id, or the folder's last part: never a path of this machine. */
  readonly name: string;
}

/**
 * Finds a model: a folder with a `config.json` (relative to `baseFolder`); an npm data package with a `model/` folder, installed
 * where `baseFolder`, this package or the running program can see it; or a Hub id, `owner/name` or `owner/name@revision`, whose files
 * `nla pull` or the Python tools have put into the cache. Nothing is fetched. Throws `E_MODEL_SOURCE`, which lists what was tried.
 */
export async function resolveSource(source: string, baseFolder: string): Promise<ResolvedSource> {
  const folder = path.resolve(baseFolder, source);
  if (await holdsModel(folder)) return { folder, name: path.basename(folder) };
  const tried = [`${path.join(folder, 'config.json')}: no such file`];

  if (/^(@[^/\\]+\/)?[^./\\][^/\\]*$/.test(source)) {
    // The program last: the command line brings the bundled model with it, for configs in folders without node_modules.
    const program = process.argv[1] === undefined ? [] : [await realpath(process.argv[1]).catch(() => process.execPath)];
    for (const start of new Set([path.join(path.resolve(baseFolder), 'package.json'), fileURLToPath(import.meta.url), ...program])) {
      let found: string;
      try {
        found = createRequire(start).resolve(`${source}/package.json`);
      } catch {
        tried.push(`npm package ${source}, seen from ${path.dirname(start)}: not installed`);
        continue;
      }
      const inside = path.join(path.dirname(found), 'model');
      if (await holdsModel(inside)) return { folder: inside, name: source };
      tried.push(`${path.join(inside, 'config.json')}: no such file`);
    }
  }

  const onHub = isRepositoryId(source.replace(/@.*$/s, ''));
  if (onHub) {
    try {
      const reference = parseRepositoryReference(source);
      return { folder: (await resolveCachedModel(reference)).folder, name: reference.id };
    } catch (error) {
      if (!isNlaError(error)) throw error;
      tried.push(`Hub cache: ${error.details.found ?? error.message}`);
    }
  }
  throw new NlaError('E_MODEL_SOURCE', {
    message: `There is no model ${JSON.stringify(source)}.`,
    found: tried.join('; '),
    expected:
      'a folder with config.json, tokenizer.json and safetensors weights, an installed npm data package with such a folder `model`, or the id of a fetched model on the Hub',
    fix: onHub ? `If it is the id of a model on the Hub, fetch it: nla pull ${source}` : 'Check the path, or install the package.',
    kind: 'input',
  });
}

function holdsModel(folder: string): Promise<boolean> {
  return access(path.join(folder, 'config.json')).then(
    () => true,
    () => false,
  );
}
