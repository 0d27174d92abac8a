/** Family of documents that state none: what their id begins with before the first `_` or `:`, as in `wik_00012` and `c4:train:7`. */
export function familyOf(document: { readonly id: string; readonly meta?: Readonly<Record<string, string>> | undefined }): string {
  return document.meta?.family ?? /^([^_:/]+)[_:]/.exec(document.id)?.[1] ?? 'none';
}

/** How many items each family has, largest first, equal ones by name. */
export function countFamilies(families: Iterable<string>): Record<string, number> {
  const counts = new Map<string, number>();
  for (const family of families) counts.set(family, (counts.get(family) ?? 0) + 1);
  const sorted = [...counts].sort(([one, first], [other, second]) => second - first || (one < other ? -1 : 1));
  return Object.fromEntries(sorted);
}
