import type { Scale } from '@nlakit/core';

/** What is publicly known about a released NLA: enough to complete its sidecar, and to tell that a file is not of it. */
export interface ReleasePreset {
  readonly name: string;
  readonly baseModel: string;
  readonly dModel: number;
  /** K. */
  readonly layer: number;
  readonly injectionScale: Scale;
  readonly tokens: {
    readonly injectionChar: string;
    readonly injectionTokenId: number;
    /** Null where nothing is published; it is then measured in the prompt. */
    readonly leftNeighborId: number | null;
    readonly rightNeighborId: number | null;
    readonly criticSuffixIds: readonly number[] | null;
  };
  /** sha256 (hex) of the UTF-8 templates with their placeholders. The texts are their authors' and not part of this package. */
  readonly templateSha256: { readonly av: string; readonly ar: string };
  readonly avChat: boolean;
}
