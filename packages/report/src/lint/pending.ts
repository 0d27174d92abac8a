/** Whether a cell promises a value instead of holding one. */
export function isPendingCell(text: string): boolean {
  const plain = text.replace(/[*_`~]/g, '').trim();
  return /^[([]?\s*(?:pending|tb[adcm]|to\s?do|fixme|to be (?:added|announced|confirmed|determined|done|filled(?: in)?|measured)|coming(?: soon)?|not yet(?: measured| run| available)?|running|in progress|wip|soon|x{2,}(?:\.x+)?|\?+|nan|undefined|null|-?infinity)\s*[)\]]?\.?$/i.test(
    plain,
  );
}

/** A promise in running text, or undefined. */
export function pendingIn(text: string): string | undefined {
  return /\((?:pending|tb[ad]|to be (?:added|determined|measured)|coming soon)\)|\b(?:TBD|TBA|TODO|FIXME)\b/.exec(text)?.[0];
}
