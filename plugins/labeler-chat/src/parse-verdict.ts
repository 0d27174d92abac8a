/** What an auditor decided. */
export interface Verdict {
  readonly verdict: 'accept' | 'edit' | 'reject';
  readonly reason: string;
}

/** The verdict of an audit's answer; nothing where it gives none, or more than one. */
export function parseVerdict(answer: string): Verdict | undefined {
  const found = [...answer.matchAll(/<verdict>\s*(accept|edit|reject)(?:ed)?\s*[.!]?\s*<\/verdict>/gi)];
  const verdicts = new Set(found.map((match) => match[1]?.toLowerCase()));
  const [verdict] = verdicts;
  if (verdicts.size !== 1 || (verdict !== 'accept' && verdict !== 'edit' && verdict !== 'reject')) return undefined;
  const reason = /<reason>([\s\S]*?)<\/reason>/i.exec(answer)?.[1]?.replace(/\s+/g, ' ').trim();
  return { verdict, reason: reason === undefined || reason === '' ? 'no reason given' : reason };
}
