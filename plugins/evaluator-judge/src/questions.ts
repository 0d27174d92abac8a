import type { ChatRequest } from '@nlakit/chat';
import { NlaError, type NlaRow, type RandomStream } from '@nlakit/core';
import { derangement } from '@nlakit/metrics';
import type { ExplainedRow } from '@nlakit/nla/evaluation';
import type { JudgeOptions } from './options.js';
import type { JudgePrompts } from './read-prompts.js';

/** Whose words the judge sees. */
export type Condition = 'AV_OUT' | 'GOLD' | 'SHUFFLED';

/** One thing the judge is asked. It is told neither the condition nor anything of other questions. */
export interface Question {
  readonly row: number;
  readonly condition: Condition;
  readonly kind: 'choice' | 'rubric';
  /** Choice: the rows whose texts are offered, in their order, and where the source stands. */
  readonly offered?: readonly number[];
  readonly correct?: number;
  readonly request: ChatRequest;
}

/** Everything asked of a set of rows. */
export interface Questions {
  /** In random order. */
  readonly questions: readonly Question[];
  /** The row whose explanation each row gets in SHUFFLED. */
  readonly partners: readonly number[];
}

/**
 * The questions on rows. SHUFFLED shows the explanation of another document's row: what a judge finds in it is what it finds anywhere. The
 * texts offered beside the source are of documents that are neither the source's, nor the partner's, nor each other's; they are drawn per
 * row and put in a new random order for each condition. GOLD is left out where rows have no labels.
 *
 * Throws `E_JUDGE_TEXT` for rows without text, `E_JUDGE_DOCUMENTS` for too few documents, `E_METRICS_DERANGEMENT`.
 */
export function writeQuestions(
  rows: readonly ExplainedRow[],
  prompts: JudgePrompts,
  options: Pick<JudgeOptions, 'candidates' | 'sourceCharacters' | 'questions' | 'maxTokens' | 'temperature'>,
  stream: (name: string) => RandomStream,
): Questions {
  const texts = rows.map(({ row }) => textOf(row));
  const documents = rows.map(({ row }) => row.documentId);
  const shuffling = stream('shuffled');
  const partners = derangement(documents, () => shuffling.uniform());
  const [drawing, ordering] = [stream('candidates'), stream('order')];
  const settings = { maxTokens: options.maxTokens, temperature: options.temperature };
  const endOf = (row: number): string => (texts[row] ?? '').slice(-options.sourceCharacters);
  const questions: Question[] = [];
  for (const [row, explained] of rows.entries()) {
    const partner = partners[row] ?? row;
    const others = options.questions.includes('choice') ? drawOthers(drawing, documents, row, partner, options.candidates - 1) : [];
    const shown: readonly (readonly [Condition, string | undefined])[] = [
      ['AV_OUT', explained.explanation],
      ['GOLD', explained.row.explanation],
      ['SHUFFLED', rows[partner]?.explanation],
    ];
    for (const [condition, explanation] of shown) {
      if (explanation === undefined) continue;
      if (options.questions.includes('choice')) {
        const offered = ordering.shuffle([row, ...others]);
        const candidates = offered
          .map((other, at) => `<text name="${String.fromCharCode(65 + at)}">\n${endOf(other)}\n</text>`)
          .join('\n\n');
        const request = { ...prompts.choice.fill({ explanation, candidates }), ...settings };
        questions.push({ row, condition, kind: 'choice', offered, correct: offered.indexOf(row), request });
      }
      if (options.questions.includes('rubric')) {
        const request = { ...prompts.rubric.fill({ explanation, text: endOf(row) }), ...settings };
        questions.push({ row, condition, kind: 'rubric', request });
      }
    }
  }
  return { questions: ordering.shuffle(questions), partners };
}

/** Rows of that many different documents, neither the row's nor the partner's. */
function drawOthers(random: RandomStream, documents: readonly string[], row: number, partner: number, count: number): number[] {
  const taken = new Set([documents[row], documents[partner]]);
  const others: number[] = [];
  for (const other of random.shuffle(documents.map((_, index) => index))) {
    const document = documents[other];
    if (others.length === count) break;
    if (taken.has(document)) continue;
    taken.add(document);
    others.push(other);
  }
  if (others.length === count) return others;
  throw new NlaError('E_JUDGE_DOCUMENTS', {
    message: 'There are too few documents to choose among.',
    found: `rows of ${new Set(documents).size} documents`,
    expected: `at least ${count + 2} documents for ${count + 1} candidates`,
    fix: 'Evaluate more rows, or offer fewer candidates.',
    kind: 'input',
  });
}

function textOf({ id, text }: NlaRow): string {
  if (text !== undefined && text !== '') return text;
  throw new NlaError('E_JUDGE_TEXT', {
    message: `Row ${id} has no text, which the judge would have to read.`,
    expected: 'held-out rows with the text up to the position that was read',
    fix: 'Build the data with their texts.',
    kind: 'input',
  });
}
