import { NlaError, type LoraSpec } from '@nlakit/core';

/** Linears of a model: module path in the checkpoint (without `.weight`) to `[out, in]`. */
export type Linears = ReadonlyMap<string, readonly [out: number, inn: number]>;

/**
 * The same linears under the other of Gemma 4's two prefixes: the text-only class says `model.layers…` where the class with the wrapper says
 * `model.language_model.layers…`. Undefined for a model that has neither.
 */
export function underOtherPrefix(linears: Linears): Linears | undefined {
  const [long, short] = ['model.language_model.', 'model.'];
  const paths = [...linears.keys()];
  const [from, to] = paths.some((path) => path.startsWith(long)) ? [long, short] : [short, long];
  if (!paths.every((path) => path.startsWith(from))) return undefined;
  return new Map([...linears].map(([path, shape]) => [to + path.slice(from.length), shape]));
}

/** What JavaScript's regular expressions have and Python's do not, or read differently. */
const notPortable: readonly (readonly [RegExp, string])[] = [
  [/\(\?<(?![=!])/, '(?<name>…)'],
  [/\\[pP]\{/, '\\p{…}'],
  [/\\u\{/, '\\u{…}'],
  [/\\c/, '\\c'],
  [/\\k/, '\\k'],
  [/\[\^?\]/, '[] or [^]'],
];

/**
 * Module paths that `targets` names, in the model's order. A string is a regular expression that must match the whole path, as PEFT's
 * `re.fullmatch`; a list holds whole paths or path ends after a dot.
 *
 * Throws `E_LORA_TARGET` if the expression is invalid or means something else in Python, or if nothing matches.
 */
export function targetsOf(spec: Pick<LoraSpec, 'targets'>, linears: Linears): string[] {
  const matches = matcherOf(spec.targets);
  const found = [...linears.keys()].filter(matches);
  if (found.length === 0) {
    throw refuse(
      'No linear of the model is targeted.',
      describe(spec.targets),
      `${linears.size} linears, such as ${[...linears.keys()].slice(0, 3).join(', ')}`,
    );
  }
  return found;
}

function matcherOf(targets: string | readonly string[]): (path: string) => boolean {
  if (typeof targets === 'string') {
    // PEFT would also adapt linears that are not in the model's list, such as those of a vision tower.
    if (targets.toLowerCase() === 'all-linear') {
      throw refuse('"all-linear" means other linears in PEFT than here.', targets, 'a regular expression or a list of path ends');
    }
    const expression = portableExpression(targets);
    return (path) => expression.test(path);
  }
  const matches = (path: string): boolean => targets.some((item) => path === item || path.endsWith(`.${item}`));
  if (targets.length === 0 || targets.includes(''))
    throw refuse('The list of targets is empty or holds an empty name.', describe(targets), 'path ends, such as q_proj');
  return matches;
}

function portableExpression(source: string): RegExp {
  const foreign = notPortable.find(([pattern]) => pattern.test(source));
  if (foreign !== undefined)
    throw refuse('The targets use syntax that Python reads differently.', foreign[1], 'syntax common to Python and JavaScript');
  try {
    return new RegExp(`^(?:${source})$`, 'u');
  } catch (cause) {
    throw refuse('The targets are not a regular expression.', source, cause instanceof Error ? cause.message : 'a valid expression', cause);
  }
}

function describe(targets: string | readonly string[]): string {
  return typeof targets === 'string' ? targets : JSON.stringify(targets);
}

function refuse(message: string, found: string, expected: string, cause?: unknown): NlaError {
  return new NlaError('E_LORA_TARGET', { message, found, expected, kind: 'input', ...(cause === undefined ? {} : { cause }) });
}
