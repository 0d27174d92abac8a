import { chatOptionsSchema } from '@nlakit/chat';
import { z } from 'zod';

/** Options of `@nlakit/evaluator-judge`. */
export const optionsSchema = z.strictObject({
  /** The model that judges, and how it is spoken to. With `replayOnly` it is not: answers come from `answers`. */
  chat: chatOptionsSchema,
  /** Folder of the judge's answers, seen from the config file. Commit it, and anybody can replay the evaluation. */
  answers: z.string().min(1).default('judge-answers'),
  /** Held-out rows to measure; fewer if there are not as many. */
  rows: z.number().int().min(2).default(100),
  /** Trajectory steps to measure; all of them when absent. Read by the evaluation stage, not by the evaluator. */
  at: z.array(z.number().int().min(0)).optional(),
  /** Limit of new tokens for one explanation. Decoding is greedy. */
  maxNewTokens: z.number().int().min(1).default(48),
  /** Vectors in one forward pass. */
  batch: z.number().int().min(1).default(64),
  /** What is asked of the judge. */
  questions: z
    .array(z.enum(['choice', 'rubric']))
    .min(1)
    .default(['choice', 'rubric']),
  /** Texts that the judge chooses among: the source, and others of other documents. */
  candidates: z.number().int().min(2).max(20).default(5),
  /** The judge sees the last characters of each text. */
  sourceCharacters: z.number().int().min(20).default(320),
  /** Files with prompts of your own, seen from the config file. */
  choicePrompt: z.string().min(1).optional(),
  /** The prompt of the rubric, likewise. */
  rubricPrompt: z.string().min(1).optional(),
  /** Most tokens of one answer, those of hidden reasoning included. */
  maxTokens: z.number().int().min(1).default(300),
  /** Sampling temperature; 0 is greedy. */
  temperature: z.number().min(0).max(2).default(0),
  /** Resamples of the bootstrap intervals. */
  bootstrap: z.number().int().min(100).default(2000),
  /** Sign flips of the paired tests. */
  permutations: z.number().int().min(100).default(5000),
  /** First part of the names of the random streams used. */
  seedName: z.string().min(1).default('evaluator-judge'),
});

/** Options after validation. */
export type JudgeOptions = z.output<typeof optionsSchema>;

/** What the summary depends on of them. */
export type JudgeStatistics = Pick<JudgeOptions, 'bootstrap' | 'permutations' | 'seedName' | 'candidates'>;
