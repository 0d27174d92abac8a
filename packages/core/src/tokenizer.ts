/** A message of a chat prompt. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** Text to token ids and back, as the model's `tokenizer.json` defines it. */
export interface Tokenizer {
  /** sha256 (hex) of the `tokenizer.json` it was made from; recorded in every run. */
  readonly sha256: string;
  readonly vocabularySize: number;
  readonly bosId: number;
  readonly eosId: number;
  readonly padId: number;
  readonly unkId: number | undefined;
  /** Token ids of `text`. With `special`, the ids the model expects around a text (BOS) are added. */
  encode(text: string, options?: { readonly special?: boolean }): Int32Array;
  /** Text of `ids`; with `skipSpecial`, special tokens are left out. */
  decode(ids: ArrayLike<number>, options?: { readonly skipSpecial?: boolean }): string;
  /** The id of a vocabulary entry as spelled in `tokenizer.json`. */
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  /** The chat prompt with generation prompt, if the model has a template. Its text already holds BOS. */
  applyChatTemplate?(messages: readonly ChatMessage[]): string;
}
