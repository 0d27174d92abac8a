// What is used of `@huggingface/tokenizers`; its published types do not resolve under Node's module rules.

/** A part that cuts text before it is tokenized. */
interface PreTokenizerPart {
  readonly config?: { readonly type: string };
  /** Of a `Sequence`. */
  readonly tokenizers?: readonly PreTokenizerPart[];
  /** Of a `ByteLevel`. */
  pattern?: RegExp;
}

/** A part that makes text of tokens. */
interface DecoderPart {
  readonly config: { readonly type: string };
  /** Of a `Sequence`. */
  readonly decoders?: readonly DecoderPart[];
  /** Of a `ByteFallback`. */
  text_decoder?: { decode(bytes: Uint8Array): string };
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A run of byte tokens as text, as Python's `tokenizers` reads it: a byte order mark stays, and a run that is not UTF-8 as a whole becomes
 * one U+FFFD per byte. A `TextDecoder` with its defaults drops the mark and keeps what is valid of a broken run.
 */
function textOfByteRun(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return '\ufffd'.repeat(bytes.byteLength);
  }
}

/** GPT-2's expression with Unicode's white space: JavaScript's own has U+FEFF in addition and lacks U+0085. */
const byteLevelPattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Makes a tokenizer cut texts and decode bytes as Python's does where the library differs: byte-level cutting, byte fallback. */
export function matchPython(tokenizer: { readonly pre_tokenizer: PreTokenizerPart | null; readonly decoder: DecoderPart | null }): void {
  const { pre_tokenizer: cutter, decoder } = tokenizer;
  for (const part of cutter?.tokenizers ?? [cutter]) {
    if (part?.config?.type === 'ByteLevel' && part.pattern !== undefined) part.pattern = byteLevelPattern;
  }
  for (const part of decoder?.decoders ?? [decoder]) {
    if (part?.config.type === 'ByteFallback') part.text_decoder = { decode: textOfByteRun };
  }
}
