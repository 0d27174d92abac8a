import { basename } from 'node:path';
import { NlaError } from '@nlakit/core';

/** A name for what is made in a folder, from the folder's own. */
export function nameOfFolder(folder: string, otherwise: string): string {
  return (
    basename(folder)
      .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '') || otherwise
  );
}

/** Throws `E_USAGE` for a name that cannot be that of a run folder. */
export function checkExperimentName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return;
  throw new NlaError('E_USAGE', {
    message: 'This name cannot be used for a folder.',
    found: name,
    expected: 'letters, digits, dots, hyphens and underscores',
    kind: 'input',
  });
}

/** Throws `E_USAGE` for a name that a package cannot have. */
export function checkPackageName(name: string): void {
  if (name.length <= 214 && /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/.test(name)) return;
  throw new NlaError('E_USAGE', {
    message: 'A package cannot have this name.',
    found: name,
    expected: 'small letters, digits, hyphens and dots, with a scope in front if you have one: @me/nla-evaluator-length',
    kind: 'input',
  });
}
