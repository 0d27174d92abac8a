import path from 'node:path';
import { createChatClient, mapConcurrently, type ChatAnswer, type ChatContext } from '@nlakit/chat';
import type { EvaluateContext, Evaluation, JsonValue } from '@nlakit/core';
import { explainRows, withEvaluation } from '@nlakit/nla/evaluation';
import { judgeWarnings } from './judge-warnings.js';
import type { JudgeOptions } from './options.js';
import { writeQuestions } from './questions.js';
import type { JudgePrompts } from './read-prompts.js';
import { storeRows } from './stored-rows.js';
import { columns, headlineOf, summarizeJudge } from './summary.js';

/** What the evaluator was made with. */
export interface JudgeParts extends Pick<ChatContext, 'fetch' | 'clock'> {
  readonly prompts: JudgePrompts;
  /** Relative paths start here. */
  readonly baseFolder: string;
  readonly name: string;
  readonly version: string;
}

/**
 * Has a chat model judge what one trajectory step's explanations say: can it tell the source among other texts by them, and how does it
 * grade them? Labels and explanations of other rows are put to it in the same way, unmarked and in random order.
 *
 * Throws what `withEvaluation`, {@link writeQuestions} and the chat client throw; answers that came before are kept.
 */
export async function evaluateJudge(context: EvaluateContext, options: JudgeOptions, parts: JudgeParts): Promise<Evaluation> {
  const { seeds, signal, log } = context;
  const { fetch, clock } = parts;
  const client = createChatClient(options.chat, {
    cacheFolder: path.resolve(parts.baseFolder, options.answers),
    signal,
    log,
    ...(fetch === undefined ? {} : { fetch }),
    ...(clock === undefined ? {} : { clock }),
  });
  return await withEvaluation(context, options, async (evaluation) => {
    const explained = await explainRows(evaluation, options, context);
    const asked = writeQuestions(explained, parts.prompts, options, (name) => seeds.stream(`${options.seedName}.${name}`));
    let done = 0;
    const answered = await mapConcurrently(asked.questions, options.chat.concurrency ?? 8, async (question) => {
      const answer = await client.complete(question.request);
      done += 1;
      log.progress({ task: 'judge', done, total: asked.questions.length, unit: 'answers' });
      return { question, answer };
    });
    const rows = storeRows(explained, asked, answered);
    const summary = summarizeJudge(rows, options, seeds);
    return {
      evaluator: parts.name,
      version: parts.version,
      step: evaluation.step,
      rows,
      summary,
      headline: headlineOf(summary),
      columns,
      provenance: {
        ...evaluation.provenance,
        decoding: { method: 'greedy', maxNewTokens: options.maxNewTokens },
        judge: judgeOf(
          options,
          parts.prompts,
          answered.map(({ answer }) => answer),
        ),
        statistics: { bootstrap: options.bootstrap, permutations: options.permutations, resampled: 'documents' },
      },
      warnings: [...evaluation.warnings, ...judgeWarnings(summary)],
    };
  });
}

/** Who judged, by which prompts, and what the answers took when they were first given. The same when they are replayed. */
function judgeOf(options: JudgeOptions, prompts: JudgePrompts, answers: readonly ChatAnswer[]): Readonly<Record<string, JsonValue>> {
  const { dialect, model, body } = options.chat;
  const sum = (name: 'inputTokens' | 'outputTokens' | 'cost'): number => answers.reduce((total, { usage }) => total + usage[name], 0);
  return {
    dialect,
    model,
    ...(body === undefined ? {} : { body }),
    answeredAs: [...new Set(answers.map((answer) => answer.model))].sort(),
    maxTokens: options.maxTokens,
    temperature: options.temperature,
    sourceCharacters: options.sourceCharacters,
    promptSha256: Object.fromEntries(options.questions.map((question) => [question, prompts[question].sha256])),
    usage: {
      answers: answers.length,
      inputTokens: sum('inputTokens'),
      outputTokens: sum('outputTokens'),
      ...(options.chat.prices === undefined ? {} : { cost: sum('cost') }),
    },
  };
}
