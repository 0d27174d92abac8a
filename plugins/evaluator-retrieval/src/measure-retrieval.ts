import type { EvaluateContext, JsonValue, Warning } from '@nlakit/core';
import { cosine, mean } from '@nlakit/metrics';
import { explainRows, reconstructTexts, storedExplanation, type EvaluationParts, type ExplainedRow } from '@nlakit/nla/evaluation';
import type { Extensions } from './extensions.js';
import type { RetrievalOptions } from './options.js';
import { runTransforms } from './run-transforms.js';
import { scoreRetrieval, type RetrievalScores } from './score-retrieval.js';
import { reconstructionTable, textTables, type SimilarityTable } from './similarity-tables.js';
import { findTemplate, stripTemplate, type Template } from './strip-template.js';

/** A variant of a row's explanation with what the AR makes of it. */
export interface MeasuredVariant {
  readonly text: string;
  readonly part?: string;
  readonly cosine: number;
}

/** Everything measured. */
export interface RetrievalMeasurement {
  readonly rows: readonly ExplainedRow[];
  readonly template: Template;
  /** Explanations without the template. */
  readonly bare: readonly string[];
  readonly tables: readonly (SimilarityTable & { readonly scores: RetrievalScores })[];
  /** Cosine of each row's vector with the reconstruction from its explanation. */
  readonly cosines: readonly number[];
  /** That cosine less the mean cosine of the reconstruction with the other rows' vectors. */
  readonly margins: readonly number[];
  /** Variants of every row's explanation, by name of the transform. */
  readonly variants: Readonly<Record<string, readonly (readonly MeasuredVariant[])[]>>;
  readonly warnings: readonly Warning[];
}

/** What {@link measureRetrieval} works with. */
export interface MeasureRetrievalParts {
  readonly rows: EvaluationParts['rows'];
  readonly verbalizer: Pick<EvaluationParts['verbalizer'], 'explain'>;
  readonly reconstructor: Pick<EvaluationParts['reconstructor'], 'reconstruct'>;
  readonly options: RetrievalOptions;
  readonly extensions: Extensions;
  readonly context: Pick<EvaluateContext, 'seeds' | 'signal' | 'log'>;
}

/** Runs the AV once over every vector and the AR once over every different text. */
export async function measureRetrieval(parts: MeasureRetrievalParts): Promise<RetrievalMeasurement> {
  const { options, extensions, context } = parts;
  const { seeds, signal } = context;
  const rows = await explainRows(parts, options, context);
  const explanations = rows.map(({ explanation }) => explanation);
  const changed = await runTransforms(
    extensions.transforms,
    explanations,
    (name) => seeds.stream(`${options.seedName}.transform.${name}`),
    signal,
  );
  const texts = [...explanations, ...Object.values(changed).flatMap((lists) => lists.flatMap((list) => list.map(({ text }) => text)))];
  const vectorOf = await reconstructTexts(parts, texts, options, context);

  const warnings: Warning[] = [];
  const complete = (name: string, values: readonly (string | undefined)[]): string[] | undefined => {
    const found = values.filter((value) => value !== undefined);
    if (found.length === values.length) return found;
    const message = `Nothing is matched with the ${name}: ${values.length - found.length} of ${values.length} rows have none.`;
    warnings.push({ code: 'W_RETRIEVAL_TARGET', message });
    return undefined;
  };
  const sources = complete(
    'source text',
    rows.map(({ row }) => row.text),
  );
  const golds = complete(
    'label',
    rows.map(({ row }) => row.explanation),
  );
  const template = findTemplate(explanations, options.templateShare);
  const tables = [
    ...(await textTables(
      { explanations, template, ...(sources === undefined ? {} : { texts: sources }), ...(golds === undefined ? {} : { golds }) },
      options,
      extensions.embedder,
      signal,
    )),
    reconstructionTable(
      explanations.map(vectorOf),
      rows.map(({ row }) => row.vector),
    ),
  ];
  const documents = rows.map(({ row }) => row.documentId);
  const across = tables.at(-1)?.similarity ?? [];
  const cosines = across.map((values, index) => values[index] ?? NaN);
  return {
    rows,
    template,
    bare: explanations.map((text) => stripTemplate(text, template)),
    tables: tables.map((table) => ({ ...table, scores: scoreRetrieval(table.similarity, documents, options) })),
    cosines,
    margins: across.map((values, index) => (cosines[index] ?? NaN) - mean(Array.from(values).filter((_, other) => other !== index))),
    variants: Object.fromEntries(
      Object.entries(changed).map(([name, lists]) => [
        name,
        lists.map((list, index) =>
          list.map((variant) => ({ ...variant, cosine: cosine(rows[index]?.row.vector ?? [], vectorOf(variant.text)) })),
        ),
      ]),
    ),
    warnings,
  };
}

/** The measured rows as they are stored: texts in full, nothing rounded. */
export function storedRows(measurement: RetrievalMeasurement): Readonly<Record<string, JsonValue>>[] {
  const { rows, tables, bare, cosines, margins, variants } = measurement;
  return rows.map((row, index) => ({
    ...storedExplanation(row),
    bare: bare[index] ?? '',
    cosine: cosines[index] ?? NaN,
    margin: margins[index] ?? NaN,
    retrieval: Object.fromEntries(
      tables.map(({ name, similarity, scores }) => {
        const own = scores.standing(index, index);
        const document = scores.documentStanding(index, index);
        const gap = scores.score('gap', index, index);
        return [
          name,
          {
            similarity: similarity[index]?.[index] ?? NaN,
            better: own.better,
            tied: own.tied,
            documentBetter: document.better,
            documentTied: document.tied,
            gap: Number.isFinite(gap) ? gap : null,
          },
        ];
      }),
    ),
    // In the order of the rows. What texts give can be computed from the texts again.
    similarities: Object.fromEntries(
      tables.filter(({ stored }) => stored).map(({ name, similarity }) => [name, Array.from(similarity[index] ?? [])]),
    ),
    transforms: Object.fromEntries(
      Object.entries(variants).map(([name, lists]) => [name, (lists[index] ?? []).map((variant) => ({ ...variant }))]),
    ),
  }));
}
