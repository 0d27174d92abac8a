import type { JsonValue } from '@nlakit/core';
import { storedExplanation, type ExplainedRow } from '@nlakit/nla/evaluation';
import type { ChatAnswer } from '@nlakit/chat';
import type { Condition, Question, Questions } from './questions.js';
import { readChoice, readGrades, type Grades } from './read-answers.js';

/** What is kept of one answer, whole. */
interface StoredAnswer {
  readonly [key: string]: JsonValue;
  /** The judge's words, untruncated. */
  readonly answer: string;
  readonly stop: string;
  /** Name of its file in the folder of answers. */
  readonly key: string;
}

/** A choice: the rows offered, where the source stood, and which was chosen; null for an answer that chooses none. */
export interface StoredChoice extends StoredAnswer {
  readonly offered: readonly string[];
  readonly correct: number;
  readonly chosen: number | null;
}

/** Grades; null for an answer that gives none. */
export interface StoredRubric extends StoredAnswer {
  readonly grades: (Grades & Readonly<Record<string, number>>) | null;
}

/** A row of the evaluation. */
export interface JudgedRow {
  readonly [key: string]: JsonValue;
  readonly id: string;
  readonly documentId: string;
  /** Id of the row whose explanation SHUFFLED shows. */
  readonly shuffledFrom: string;
  readonly choice: Readonly<Partial<Record<Condition, StoredChoice>>>;
  readonly rubric: Readonly<Partial<Record<Condition, StoredRubric>>>;
}

/** Rows with everything that was asked about them and answered. */
export function storeRows(
  rows: readonly ExplainedRow[],
  { partners }: Pick<Questions, 'partners'>,
  answered: readonly { readonly question: Question; readonly answer: ChatAnswer }[],
): JudgedRow[] {
  const idOf = (row: number | undefined): string => rows[row ?? -1]?.row.id ?? '';
  return rows.map((explained, index) => {
    const choice: Partial<Record<Condition, StoredChoice>> = {};
    const rubric: Partial<Record<Condition, StoredRubric>> = {};
    for (const { question, answer } of answered) {
      if (question.row !== index) continue;
      const kept = { answer: answer.text, stop: answer.stop, key: answer.key };
      // A refusal chooses nothing, whatever is quoted in it.
      const text = answer.stop === 'refusal' ? '' : answer.text;
      if (question.kind === 'choice') {
        const offered = question.offered ?? [];
        choice[question.condition] = {
          ...kept,
          offered: offered.map(idOf),
          correct: question.correct ?? -1,
          chosen: readChoice(text, offered.length),
        };
      } else rubric[question.condition] = { ...kept, grades: readGrades(text) };
    }
    return {
      ...storedExplanation(explained),
      id: explained.row.id,
      documentId: explained.row.documentId,
      shuffledFrom: idOf(partners[index]),
      choice: inOrder(choice),
      rubric: inOrder(rubric),
    };
  });
}

/** Questions were asked in random order; rows list conditions in one order. */
function inOrder<Value>(found: Partial<Record<Condition, Value>>): Partial<Record<Condition, Value>> {
  const order: readonly Condition[] = ['AV_OUT', 'GOLD', 'SHUFFLED'];
  return Object.fromEntries(order.flatMap((condition) => (found[condition] === undefined ? [] : [[condition, found[condition]]])));
}
