/** What is used of a decoder of `@huggingface/tokenizers`; its published types do not resolve under Node's module rules. */
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

/** Makes the byte-fallback decoders of a tokenizer, which lie in its field `decoder`, decode as Python's do. */
export function matchPythonBytes({ decoder }: { readonly decoder: DecoderPart | null }): void {
  for (const part of decoder?.decoders ?? [decoder]) {
    if (part?.config.type === 'ByteFallback') part.text_decoder = { decode: textOfByteRun };
  }
}
