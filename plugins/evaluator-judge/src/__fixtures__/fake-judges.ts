import { createHash } from 'node:crypto';
import type { FakePrompt } from '@nlakit/conformance/fake-chat';

/** How a judge answers a prompt of ours. */
export type FakeJudge = (prompt: FakePrompt) => string;

const wordsOf = (text: string): Set<string> => new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);
const overlap = (one: string, other: string): number => [...wordsOf(one)].filter((word) => wordsOf(other).has(word)).length;
const noteIn = (content: string): string => /<note>\n([\s\S]*?)\n<\/note>/.exec(content)?.[1] ?? '';
const grades = (grade: number): string =>
  `<validity>${grade}</validity><specificity>${grade}</specificity><relatedness>${grade}</relatedness>`;

/** Reads: chooses the text that has most words in common with the note, and grades by that number. */
export const readingJudge: FakeJudge = ({ messages }) => {
  const content = messages.at(-1)?.content ?? '';
  const note = noteIn(content);
  const offered = [...content.matchAll(/<text name="([A-Z])">\n([\s\S]*?)\n<\/text>/g)];
  if (offered.length > 0) {
    // Where texts fit alike, any of them: by chance, but the same one whenever it is asked.
    const chance = (name: string): string => createHash('sha256').update(name + content).digest('hex');
    const [best] = [...offered].sort(
      (one, other) =>
        overlap(note, other[2] ?? '') - overlap(note, one[2] ?? '') || (chance(one[1] ?? '') < chance(other[1] ?? '') ? -1 : 1),
    );
    return `It shares most words. <choice>${best?.[1] ?? ''}</choice>`;
  }
  const text = /<text>\n([\s\S]*?)\n<\/text>/.exec(content)?.[1] ?? '';
  return grades(Math.min(5, 1 + overlap(note, text)));
};

/** Reads nothing: the first text, and the highest grades. */
export const flatteringJudge: FakeJudge = ({ messages }) =>
  messages.at(-1)?.content.includes('<text name="A">') === true ? '<choice>A</choice>' : grades(5);
