import { resolve } from 'node:path';
import type { CommandContext } from '../command-context.js';

/** `nla lint`: holds card and page of a run or of a published folder against its files. */
export async function lint(context: CommandContext, _options: unknown, folder = ''): Promise<number> {
  const { describeFinding, lintResults } = await import('@nlakit/report');
  const target = resolve(context.io.cwd, folder);
  const findings = await lintResults(target);
  context.print({ folder: target, ok: findings.length === 0, findings }, () =>
    findings.length === 0 ? 'Every number, link and folder of the card is in the files.' : findings.map(describeFinding).join('\n'),
  );
  return findings.length === 0 ? 0 : 2;
}
