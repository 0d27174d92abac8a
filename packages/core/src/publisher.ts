import type { JsonValue, Warning } from './events.js';

/** One file of a release. */
export interface ReleaseFile {
  /** Path inside the published repository, with `/`. */
  readonly path: string;
  /** File on this machine, or the content itself. */
  readonly source: { readonly file: string } | { readonly content: string };
}

/** What is to be published. */
export interface Release {
  /** `owner/name`, or a folder name for local publishers. */
  readonly repository: string;
  readonly baseModel: string;
  readonly files: readonly ReleaseFile[];
  readonly metadata: Readonly<Record<string, JsonValue>>;
}

/** Every file with size and hash, checked: nothing that must not leave the machine is in it. */
export interface PublishPlan {
  readonly repository: string;
  readonly destination: string;
  readonly files: readonly (ReleaseFile & {
    readonly bytes: number;
    readonly sha256: string;
    readonly unchanged: boolean;
    /** Whether it is expected to be kept as a large object, where that makes a difference. */
    readonly large?: boolean;
  })[];
  /** What the release holds and the publisher leaves out, with the reason. */
  readonly leftOut?: readonly { readonly path: string; readonly reason: string }[];
  readonly totalBytes: number;
  readonly warnings: readonly Warning[];
}

export type PublishEvent =
  | { readonly type: 'progress'; readonly path: string; readonly doneBytes: number; readonly totalBytes: number }
  | { readonly type: 'done'; readonly destination: string; readonly url?: string; readonly files: number; readonly bytes: number };

/** Plans first, then publishes as a resumable, idempotent stream of progress. */
export interface Publisher {
  readonly name: string;
  plan(release: Release): Promise<PublishPlan>;
  publish(plan: PublishPlan, signal: AbortSignal): AsyncIterable<PublishEvent>;
}
