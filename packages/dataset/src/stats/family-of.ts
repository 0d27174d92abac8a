/** The source family a document id names: what stands before the first `_` or `:` (`fwe_000012`, `corpus:split:7`), or `none`. */
export function familyOf(documentId: string): string {
  return /^([^_:]+)[_:]/.exec(documentId)?.[1] ?? 'none';
}
