import { resolve } from 'node:path';
import { NlaError, type PluginKind } from '@nlakit/core';
import { bundledModel } from './experiment-files.js';
import { nameOfFolder } from './names.js';
import { pluginDoes, pluginKinds } from './plugin-project.js';

/** What a person wants. */
export interface Answers {
  readonly what: 'experiment' | PluginKind;
  readonly folder: string;
  readonly name: string;
  /** Base model of an experiment. */
  readonly model: string;
}

/** Asks for what is not given. Throws `E_INTERRUPTED` at Ctrl-C. */
export async function ask(given: Partial<Answers>, cwd: string): Promise<Partial<Answers>> {
  const { cancel, intro, isCancel, select, text } = await import('@clack/prompts');
  const answered = <Answer>(answer: Answer): Exclude<Answer, symbol> => {
    if (!isCancel(answer)) return answer as Exclude<Answer, symbol>;
    cancel('Nothing was written.');
    throw new NlaError('E_INTERRUPTED', { message: 'Interrupted: nothing was written.' });
  };
  intro('nlakit');
  const what =
    given.what ??
    answered(
      await select<'experiment' | PluginKind>({
        message: 'What do you want to make?',
        options: [
          { value: 'experiment', label: 'an experiment', hint: 'train and measure an NLA' },
          ...pluginKinds.map((kind) => ({ value: kind, label: `a plugin: ${kind}`, hint: pluginDoes(kind) })),
        ],
      }),
    );
  const folder =
    given.folder ?? answered(await text({ message: 'Folder', initialValue: what === 'experiment' ? 'my-nla' : `nla-${what}` })).trim();
  const initialValue = nameOfFolder(resolve(cwd, folder), what);
  const name =
    given.name ??
    answered(await text({ message: what === 'experiment' ? 'Name of the experiment' : 'Name of the package', initialValue })).trim();
  if (what !== 'experiment') return { what, folder, name };
  const model =
    given.model ?? answered(await text({ message: 'Base model: Hub id, folder or data package', initialValue: bundledModel })).trim();
  return { what, folder, name, model };
}
