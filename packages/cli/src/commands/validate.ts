import { resolve } from 'node:path';
import { checkConfig } from '@nlakit/run';
import { overridesOf, type CommandContext } from '../command-context.js';

/** `nla validate`: all checks that need no weights. Exit code 2 if anything is wrong. */
export async function validate(context: CommandContext, _options: unknown, config = ''): Promise<number> {
  const check = await checkConfig(resolve(context.io.cwd, config), context.host, overridesOf(context));
  const issues = check.issues.map(({ code, path, file, line, column, message, error }) => ({
    code,
    path,
    file,
    line,
    column,
    message,
    fix: error.details.fix,
  }));
  context.print({ ok: check.ok, issues, ...(check.ok ? { hash: check.preparation.resolved.hash } : {}) }, () =>
    check.ok
      ? `${config} is valid (run ${check.preparation.resolved.name}, hash ${check.preparation.resolved.hash.slice(0, 12)}).`
      : check.issues.map(({ code, error }) => `${code} ${error.message}`).join('\n'),
  );
  return check.ok ? 0 : 2;
}
