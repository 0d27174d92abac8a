/** The scales of the rubric. */
export const scales = ['validity', 'specificity', 'relatedness'] as const;

/** Grades from 1 to 5. */
export type Grades = Readonly<Record<(typeof scales)[number], number>>;

/**
 * The index of the letter that an answer chooses; null where it chooses none, several, or one that was not offered. An answer that is a
 * letter and nothing else counts.
 */
export function readChoice(answer: string, candidates: number): number | null {
  const tagged = [...answer.matchAll(/<choice>\s*\(?([a-z])\)?[.:]?\s*<\/choice>/gi)].map((match) => match[1] ?? '');
  const bare = /^\s*\(?([a-z])\)?[.:]?\s*$/i.exec(answer)?.[1];
  const letters = new Set((tagged.length > 0 ? tagged : bare === undefined ? [] : [bare]).map((letter) => letter.toUpperCase()));
  const [letter] = letters;
  if (letters.size !== 1 || letter === undefined) return null;
  const index = letter.charCodeAt(0) - 65;
  return index < candidates ? index : null;
}

/** The three grades that an answer gives; null where one is missing, is given twice and differently, or is no grade. */
export function readGrades(answer: string): Grades | null {
  const found = scales.map((scale): readonly [string, number | undefined] => {
    const given = new Set(
      [...answer.matchAll(new RegExp(`<${scale}>\\s*([1-5])(?:\\s*/\\s*5)?\\s*</${scale}>`, 'gi'))].map((match) => Number(match[1])),
    );
    return [scale, given.size === 1 ? [...given][0] : undefined];
  });
  return found.some(([, grade]) => grade === undefined) ? null : (Object.fromEntries(found) as unknown as Grades);
}
