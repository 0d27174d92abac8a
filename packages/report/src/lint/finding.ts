import { NlaError } from '@nlakit/core';

/** Something in a card or page that must not be published. */
export interface Finding {
  /** Stable: `E_LINT_…`. */
  readonly code: string;
  /** Path in the release. */
  readonly file: string;
  /** Counted from 1. */
  readonly line?: number;
  /** Where in the file: `Loss, row 2, column loss`. */
  readonly place?: string;
  readonly found: string;
  readonly expected: string;
}

/** A finding in one line. */
export function describeFinding({ code, file, line, place, found, expected }: Finding): string {
  const where = `${file}${line === undefined ? '' : `:${line}`}${place === undefined ? '' : ` (${place})`}`;
  return `${where} ${code} found ${JSON.stringify(found)}, expected ${expected}`;
}

/** All findings as one error: under their own code where they have only one. */
export function lintError(findings: readonly Finding[]): NlaError {
  const [first] = findings;
  const codes = new Set(findings.map(({ code }) => code));
  return new NlaError(codes.size === 1 && first !== undefined ? first.code : 'E_LINT', {
    message:
      findings.length === 1
        ? 'The card does not say what the files say.'
        : `The card does not say what the files say, in ${findings.length} places.`,
    ...(first === undefined ? {} : { file: first.file, ...(first.line === undefined ? {} : { line: first.line, column: 1 }) }),
    found: findings.map(describeFinding).join('\n            '),
    fix: 'Write card and page again from the files: `nla report <run>`. What is to be changed has to be changed where it comes from.',
    kind: 'input',
  });
}
