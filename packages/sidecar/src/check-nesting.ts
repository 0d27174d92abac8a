import { Lexer, Parser } from 'yaml';

/** Deepest nesting that is read; sidecars have three or four levels. */
export const maximumDepth = 64;

/**
 * Throws an `Error` for YAML text that nests deeper than {@link maximumDepth}. The library composes nodes by calling itself for every
 * level; thousands of them do not only overflow the stack but can end the process. Its token parser keeps a stack of its own, and is asked
 * first.
 */
export function checkNesting(text: string): void {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    // The tokens are not needed, only how many are open.
    for (const token of parser.next(lexeme)) void token;
    if (parser.stack.length > maximumDepth) throw new Error(`Nested more than ${maximumDepth} levels deep.`);
  }
}
