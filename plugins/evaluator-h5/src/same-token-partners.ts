import { derangement } from '@nlakit/metrics';

/**
 * For every row another document's row whose source text ends in the same token, or null where there is none (or the token is not known).
 * Rows of one token exchange with each other one to one; where one document has more than half of them, which rules that out, each row
 * takes any of the other documents' rows.
 */
export function sameTokenPartners(
  tokens: readonly (string | undefined)[],
  documents: readonly string[],
  random: { uniform(): number; integer(bound: number): number },
): (number | null)[] {
  const partners = new Array<number | null>(tokens.length).fill(null);
  for (const rows of rowsByToken(tokens)) {
    const counts = new Map<string, number>();
    for (const row of rows) counts.set(documents[row] ?? '', (counts.get(documents[row] ?? '') ?? 0) + 1);
    if (counts.size < 2) continue;
    if (Math.max(...counts.values()) * 2 <= rows.length) {
      const order = derangement(
        rows.map((row) => documents[row] ?? ''),
        () => random.uniform(),
      );
      rows.forEach((row, place) => (partners[row] = rows[order[place] ?? place] ?? null));
    } else {
      for (const row of rows) {
        const others = rows.filter((other) => documents[other] !== documents[row]);
        partners[row] = others[random.integer(others.length)] ?? null;
      }
    }
  }
  return partners;
}

function rowsByToken(tokens: readonly (string | undefined)[]): Iterable<readonly number[]> {
  const groups = new Map<string, number[]>();
  tokens.forEach((token, row) => {
    if (token !== undefined) groups.set(token, [...(groups.get(token) ?? []), row]);
  });
  return groups.values();
}
