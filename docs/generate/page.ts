/** A generated page of the site. */
export interface Page {
  /** From `docs/`: `reference/cli.md`. */
  readonly file: string;
  readonly text: string;
}

/** Says where a page comes from, so that nobody edits it by hand. */
export function generated(title: string, source: string, body: string): string {
  return `---\ntitle: ${JSON.stringify(title)}\neditLink: false\n---\n\n<!-- Made from ${source}; edit that. -->\n\n${body.trim()}\n`;
}
