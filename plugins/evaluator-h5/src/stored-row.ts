import type { JsonValue } from '@nlakit/core';
import { z } from 'zod';
import type { MeasuredRow, Measurement } from './measure.js';

const numberOrNull = z.number().nullable();

/** A row of an H5 evaluation as it is stored: texts in full, nothing rounded. All figures of the summary can be recomputed from these. */
export const storedRowSchema = z.object({
  id: z.string(),
  documentId: z.string(),
  /** Source text up to the position the vector was read at. */
  text: z.string().nullable(),
  token: z.string().nullable(),
  rawTokens: z.number(),
  gold: z.string().nullable(),
  fields: z.record(z.string(), z.string()).nullable(),
  /** The AV's whole output, tags included. */
  output: z.string(),
  /** The explanation in it; null if there is none, and then the AR was given the empty text. */
  explanation: z.string().nullable(),
  /** Number of new tokens. */
  tokens: z.number(),
  stopped: z.boolean(),
  /** Id of the row whose output SHUFFLED and the swaps took. */
  shuffledFrom: z.string().nullable(),
  /** Id of the row whose output SHUFFLED_SAME_TOKEN took; null where no row of another document was read at the same token. */
  shuffledSameTokenFrom: z.string().nullable(),
  /** What the AR read, by condition; MEAN has no text. */
  texts: z.record(z.string(), z.string()),
  /** By condition; null where the condition leaves this row out. */
  cosines: z.record(z.string(), numberOrNull),
  retrievalRank: z.number(),
  offDiagonal: z.number(),
});

/** See {@link storedRowSchema}. */
export type StoredRow = z.output<typeof storedRowSchema>;

/** The rows of a measurement as they are stored. */
export function storedRows({ rows, conditions }: Measurement): (StoredRow & Readonly<Record<string, JsonValue>>)[] {
  const idOf = (index: number | null) => (index === null ? null : (rows[index]?.row.id ?? null));
  return rows.map(({ row, output, token, partner, tokenPartner, texts, cosines, retrievalRank, offDiagonal }: MeasuredRow) => ({
    id: row.id,
    documentId: row.documentId,
    text: row.text ?? null,
    token: token ?? null,
    rawTokens: row.rawTokens,
    gold: row.explanation ?? null,
    fields: row.fields === undefined ? null : { ...row.fields },
    output: output.text,
    explanation: output.explanation,
    tokens: output.tokens.length,
    stopped: output.stopped,
    shuffledFrom: idOf(partner),
    shuffledSameTokenFrom: idOf(tokenPartner),
    texts: { ...texts } as Record<string, string>,
    cosines: Object.fromEntries(conditions.map((condition) => [condition, cosines[condition] ?? null])),
    retrievalRank,
    offDiagonal,
  }));
}
