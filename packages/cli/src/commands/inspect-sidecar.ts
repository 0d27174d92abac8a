import { resolve } from 'node:path';
import { atomicWriteFile } from '@nlakit/safetensors';
import { applyPreset, checkTemplates, findPreset, readSidecar, readSidecarWithNotes, upgradeSidecar } from '@nlakit/sidecar';
import type { GivenTemplates, Sidecar } from '@nlakit/sidecar';
import { alignColumns } from '../align-columns.js';
import type { CommandContext } from '../command-context.js';
import { givenTemplates, type ReleaseOptions } from '../release-options.js';

/** `nla inspect sidecar`: any dialect, normalised, with notes on what was assumed; with `--upgrade` written in the one schema. */
export async function inspectSidecar(
  context: CommandContext,
  options: ReleaseOptions & { readonly upgrade?: string },
  path = '',
): Promise<undefined> {
  const { io } = context;
  const { sidecar: read, notes } = await readSidecarWithNotes(resolve(io.cwd, path));
  const release = options.sidecar === undefined ? undefined : await readSidecar(resolve(io.cwd, options.sidecar));
  const sidecar = complete(read, release, await givenTemplates(options, io), options.preset);
  const upgraded = options.upgrade === undefined ? undefined : resolve(io.cwd, options.upgrade);
  if (upgraded !== undefined) await atomicWriteFile(upgraded, upgradeSidecar(sidecar));
  context.print({ ...sidecar, notes, ...(upgraded === undefined ? {} : { upgraded }) }, () =>
    [
      JSON.stringify(sidecar, null, 2),
      '',
      notes.length === 0 ? 'Nothing had to be assumed.' : `Notes on reading the dialect ${read.dialect}:`,
      ...(notes.length === 0
        ? []
        : [
            alignColumns(
              notes.map(({ state, field, note }) => [state, field, note]),
              3,
            ),
          ]),
      ...(upgraded === undefined ? [] : ['', `written: ${upgraded}`]),
    ].join('\n'),
  );
  return undefined;
}

/** Fills in what the sidecar leaves out, from the release's own, from texts, and from the preset, which checks all of it. */
function complete(sidecar: Sidecar, release: Sidecar | undefined, given: GivenTemplates, preset: string | undefined): Sidecar {
  const { templates } = sidecar;
  const av = templates.av ?? release?.templates.av ?? given.av ?? null;
  const ar = templates.ar ?? release?.templates.ar ?? given.ar ?? null;
  checkTemplates({ av, ar });
  const filled: Sidecar = { ...sidecar, templates: { ...templates, av, ar } };
  if (preset === undefined) return filled;
  const applied = applyPreset(filled, findPreset(preset));
  // Which way the prompt is built belongs to the text: where the release's was taken, its way is too.
  return templates.av === null ? { ...applied, templates: { ...applied.templates, avChat: findPreset(preset).avChat } } : applied;
}
