/** A fenced block of code. */
export interface CodeSample {
  /** Line of the fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** What stands behind the language: `config`, or a file's name in brackets. */
  readonly about: string;
  readonly code: string;
}

/** The fenced blocks of a page. */
export function codeSamples(text: string): readonly CodeSample[] {
  return [...text.matchAll(/^( *)```(\w+)?[ \t]*([^\n]*)\n([\s\S]*?)^\1```[ \t]*$/gm)].map(
    ({ index, 2: language = '', 3: about = '', 4: code = '' }) => ({
      line: text.slice(0, index).split('\n').length,
      language,
      about: about.trim(),
      code,
    }),
  );
}

/** Calls of `nla` in a shell sample, each as the arguments behind the program's name. */
export function nlaCalls(code: string): readonly (readonly string[])[] {
  return code
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .flatMap((line) => {
      const words = shellWords(line);
      const start = words.findIndex((word, index) => word === 'nla' || (word === 'nlakit' && words[index - 1] === 'npx'));
      if (start < 0) return [];
      const before = words.slice(0, start).join(' ');
      return ['', 'npx', 'npx -y pnpm@10'].includes(before) ? [words.slice(start + 1)] : [];
    });
}

/** Splits as a shell does: at spaces outside quotes. */
function shellWords(line: string): readonly string[] {
  return [...line.matchAll(/(?:"[^"]*"|'[^']*'|<[^>]*>|[^\s"'<])+/g)].map(([word]) =>
    word.replace(/^(["'])(.*)\1$/, '$2').replace(/["']/g, ''),
  );
}
