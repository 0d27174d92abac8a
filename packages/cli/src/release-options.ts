import { resolve } from 'node:path';
import type { ForeignSupplement } from '@nlakit/dataset';
import { findPreset, readTemplate } from '@nlakit/sidecar';
import type { GivenTemplates } from '@nlakit/sidecar';
import type { CliIo } from './io.js';

/** Options that say which release files belong to. */
export interface ReleaseOptions {
  readonly preset?: string;
  readonly sidecar?: string;
  readonly avTemplate?: string;
  readonly arTemplate?: string;
}

/** The templates that were named as files. `E_TEMPLATE_READ`. */
export async function givenTemplates({ avTemplate, arTemplate }: ReleaseOptions, { cwd }: Pick<CliIo, 'cwd'>): Promise<GivenTemplates> {
  return {
    ...(avTemplate === undefined ? {} : { av: await readTemplate(resolve(cwd, avTemplate)) }),
    ...(arTemplate === undefined ? {} : { ar: await readTemplate(resolve(cwd, arTemplate)) }),
  };
}

/** The options as what is known about files. `E_PRESET_UNKNOWN`, `E_TEMPLATE_READ`. */
export async function releaseSupplement(options: ReleaseOptions, io: Pick<CliIo, 'cwd'>): Promise<ForeignSupplement> {
  return {
    ...(options.preset === undefined ? {} : { preset: findPreset(options.preset) }),
    ...(options.sidecar === undefined ? {} : { sidecarFile: resolve(io.cwd, options.sidecar) }),
    templates: await givenTemplates(options, io),
  };
}
