import { resolve } from 'node:path';
import type { NlaError } from '@nlakit/core';
import { checkConfig } from '@nlakit/run';
import { checkModel, type ModelCheck } from '../check-model.js';
import { overridesOf, type CommandContext } from '../command-context.js';

/** `nla validate`: all checks that need no weights. Exit code 2 if anything is wrong. */
export async function validate(context: CommandContext, _options: unknown, config = ''): Promise<number> {
  const file = resolve(context.io.cwd, config);
  const overrides = overridesOf(context);
  const check = await checkConfig(file, context.host, overrides);
  // Only a config without other mistakes can be held against its model.
  const model: ModelCheck = check.ok ? await checkModel(file, check.preparation, overrides) : {};
  const found: readonly { readonly path: string; readonly error: NlaError }[] = [
    ...check.issues,
    ...(model.error === undefined ? [] : [{ path: model.path ?? '', error: model.error }]),
  ];
  const ok = found.length === 0;
  const issues = found.map(({ path, error: { code, details } }) => ({
    code,
    path,
    file: details.file,
    line: details.line,
    column: details.column,
    message: details.message,
    found: details.found,
    expected: details.expected,
    fix: details.fix,
  }));
  const notes = model.note === undefined ? [] : [model.note];
  context.print({ ok, issues, notes, ...(check.ok ? { hash: check.preparation.resolved.hash } : {}) }, () =>
    [
      ...(check.ok && ok
        ? [`${config} is valid (run ${check.preparation.resolved.name}, hash ${check.preparation.resolved.hash.slice(0, 12)}).`]
        : found.map(({ error }) => `${error.code} ${error.message}`)),
      ...notes.map((note) => `note: ${note}`),
    ].join('\n'),
  );
  return ok ? 0 : 2;
}
