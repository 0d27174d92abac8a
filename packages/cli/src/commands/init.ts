import { join, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import { bundledModel, checkExperimentName, experimentFiles, nameOfFolder, writeNewFiles } from 'create-nlakit';
import type { CommandContext } from '../command-context.js';

/** `nla init`: a config, a `.gitignore` and a README. Existing files are never overwritten. */
export async function init(
  context: CommandContext,
  options: { readonly name?: string; readonly model?: string; readonly yes?: boolean },
  directory = '',
): Promise<undefined> {
  const { io, common } = context;
  let target = directory;
  let name = options.name;
  if (io.interactive && options.yes !== true && common.json !== true) {
    const { cancel, isCancel, text } = await import('@clack/prompts');
    const ask = async (message: string, initialValue: string): Promise<string> => {
      const answer = await text({ message, initialValue });
      if (!isCancel(answer)) return answer.trim();
      cancel('Nothing was written.');
      throw new NlaError('E_INTERRUPTED', { message: 'Interrupted: nothing was written.' });
    };
    if (target === '') target = await ask('Folder', '.');
    name ??= await ask('Name of the experiment', nameOfFolder(resolve(io.cwd, target), 'experiment'));
  }
  const folder = resolve(io.cwd, target === '' ? '.' : target);
  name ??= nameOfFolder(folder, 'experiment');
  checkExperimentName(name);
  const files = await experimentFiles(name, options.model ?? bundledModel);
  const written = await writeNewFiles(folder, files, 'Choose another folder: nla init my-experiment.');
  context.print({ folder, name, files: written }, () =>
    [...written.map((file) => `wrote ${file}`), '', `Next: nla validate ${join(target === '' ? '.' : target, 'nla.config.yaml')}`].join(
      '\n',
    ),
  );
  return undefined;
}
