import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { CommandContext } from '../command-context.js';
import { exists } from '../exists.js';
import { bundledModel, configTemplate, gitignoreTemplate, readmeTemplate } from '../init-templates.js';

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
    name ??= await ask('Name of the experiment', folderName(resolve(io.cwd, target)));
  }
  const folder = resolve(io.cwd, target === '' ? '.' : target);
  name ??= folderName(folder);
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw new NlaError('E_USAGE', {
      message: 'This name cannot be used for a folder.',
      found: name,
      expected: 'letters, digits, dots, hyphens and underscores',
      kind: 'input',
    });
  }
  const model = options.model ?? bundledModel;
  const files: Readonly<Record<string, string>> = {
    'nla.config.yaml': configTemplate(name, model),
    '.gitignore': gitignoreTemplate,
    'README.md': readmeTemplate(name),
  };
  for (const file of Object.keys(files)) {
    if (await exists(join(folder, file))) {
      throw new NlaError('E_FILE_EXISTS', {
        message: 'This file is there already, and nothing is overwritten.',
        file: join(folder, file),
        fix: 'Choose another folder: nla init my-experiment.',
        kind: 'input',
      });
    }
  }
  try {
    await mkdir(folder, { recursive: true });
    for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content, { flag: 'wx' });
  } catch (cause) {
    throw new NlaError('E_WRITE', {
      message: 'The files cannot be written.',
      file: folder,
      found: cause instanceof Error ? cause.message : String(cause),
      kind: 'input',
      cause,
    });
  }
  const written = Object.keys(files).map((file) => join(folder, file));
  context.print({ folder, name, files: written }, () =>
    [...written.map((file) => `wrote ${file}`), '', `Next: nla validate ${join(target === '' ? '.' : target, 'nla.config.yaml')}`].join(
      '\n',
    ),
  );
  return undefined;
}

function folderName(folder: string): string {
  return (
    basename(folder)
      .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '') || 'experiment'
  );
}
