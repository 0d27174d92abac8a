import type { BackendCensus } from './backends.js';
import type { ParityResult, ParityRow } from './parity-row.js';

/** Groups in the order of the document, with their headings and what belongs to them. Others follow under their own names. */
const groups: Readonly<Record<string, readonly [heading: string, text: string]>> = {
  forward: ['Forward pass', 'One sequence of ten tokens through a six-block model of the Gemma 4 architecture.'],
  gradients: [
    'Gradients of the weights',
    'Of the mean loss of that sequence; keys and values of donor blocks collect those of every block that borrows them.',
  ],
  injection: [
    'Injection',
    "A vector in place of one token's scaled embedding, under both conventions for that token's row of the per-layer table.",
  ],
  padding: ['Padding', 'A batch of a sequence of ten and one of six tokens.'],
  decoding: ['Cached decoding', 'Greedy, 24 tokens on a prompt of ten with a sliding window of four.'],
  lora: ['LoRA', 'An adapter of rank 4 on 36 linears, read from the folder that PEFT wrote.'],
  nf4: [
    'NF4',
    'Weights packed here and by bitsandbytes; checkpoints in its layout, with single and double quantisation and with values rounded to bf16.',
  ],
  training: ['Training', 'Gradients from the backend, update by our AdamW, one new sequence per step.'],
  optimizers: ['Optimizers', 'On given gradients; they run on the host whatever the backend.'],
};

/** What {@link parityDocument} shows. */
export interface ParityDocument {
  readonly ours: ParityResult;
  readonly absent: BackendCensus['absent'];
  /** What the optional Python command measured, if it has run. */
  readonly python?: ParityResult;
}

/** The parity table as Markdown: one table per group, one line per comparison, one column per backend. */
export function parityDocument({ ours, absent, python }: ParityDocument): string {
  const rows = [...ours.rows, ...(python?.rows ?? [])];
  const failed = rows.filter(({ passed }) => !passed).length;
  const lines = [
    '# Parity with the reference libraries',
    '',
    'Written by `npx -y pnpm@10 parity`, from golden files; those comparisons run in `pnpm test`, too. The groups that start with `python`',
    'are measured by `npx -y pnpm@10 parity:python` against the libraries themselves. Numbers are largest errors over everything the line',
    'names; `Δ` is ours less the reference. A line passes if no number is above its tolerance. Both sides are float32 where the line does not',
    'say otherwise; against the same formulae in float64 the references themselves are off by up to 2.6e-5 (block outputs), 3.6e-5 (logits),',
    '1e-6 (mean loss) and, of the largest entry of a tensor, 4e-5 (gradients of weights) and 1.3e-4 (gradients of LoRA matrices). Tolerances',
    'on these are about ten times that.',
    '',
    `**${rows.length - failed} of ${rows.length} measurements pass.**${failed === 0 ? '' : ` ${failed} fail.`}`,
  ];
  const names = new Set([...Object.keys(groups), ...rows.map(({ group }) => group)]);
  for (const name of names) {
    const members = rows.filter(({ group }) => group === name);
    if (members.length === 0) continue;
    const [heading, text] = groups[name] ?? [name, ''];
    lines.push('', `## ${heading}`, '', ...(text === '' ? [] : [text, '']), ...groupTable(members));
  }
  lines.push('', '## Where and with what', '', '| | |', '|---|---|', ...facts(ours));
  for (const { name, reason } of absent) lines.push(`| not run on ${name} | ${cell(reason)} |`);
  if (python !== undefined) lines.push('', '### Python libraries, run here', '', '| | |', '|---|---|', ...facts(python));
  return `${lines.join('\n')}\n`;
}

function groupTable(rows: readonly ParityRow[]): string[] {
  const backends = [...new Set(rows.map(({ backend }) => backend))];
  const comparisons = new Map<string, ParityRow[]>();
  for (const row of rows) {
    const key = [row.comparison, row.reference, row.quantity, row.tolerance].join('\n');
    comparisons.set(key, [...(comparisons.get(key) ?? []), row]);
  }
  const lines = [
    `| comparison | reference | quantity | ${backends.join(' | ')} | tolerance | |`,
    `|---|---|---|${backends.map(() => '--:|').join('')}--:|---|`,
  ];
  const notes: string[] = [];
  for (const members of comparisons.values()) {
    const [first] = members;
    if (first === undefined) continue;
    const numbers = backends.map((backend) => {
      const row = members.find((member) => member.backend === backend);
      return row === undefined ? '' : shown(row.maxError);
    });
    const passed = members.every((member) => member.passed);
    const columns = [first.comparison, first.reference, first.quantity, ...numbers, shown(first.tolerance), passed ? 'pass' : '**FAIL**'];
    lines.push(`| ${columns.map(cell).join(' | ')} |`);
    for (const member of members) {
      if (!member.passed && member.note !== undefined) notes.push(`- ${member.comparison}, ${member.backend}: ${member.note}`);
    }
  }
  return notes.length === 0 ? lines : [...lines, '', ...notes];
}

function facts({ machine, versions }: ParityResult): string[] {
  return [...Object.entries(machine), ...Object.entries(versions)].map(([name, value]) => `| ${cell(name)} | ${cell(String(value))} |`);
}

function shown(value: number): string {
  if (value === 0 || (Number.isInteger(value) && value < 1000)) return String(value);
  return Number.isFinite(value) ? value.toExponential(1) : '∞';
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
