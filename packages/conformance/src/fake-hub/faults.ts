import { mulberry32 } from '../mulberry32.js';
import type { RequestKind } from './route.js';

/**
 * What may go wrong with one request. Byte counts are of the body that would have been sent. A request that changes something has taken
 * effect where only the answer is lost (`drop`, `truncate`), and has not where there is another answer (`status`) or it is cut itself.
 */
export type Fault =
  /** Another answer, e.g. 500 or 429. `retryAfter`: seconds, or the text of a date. */
  | { readonly type: 'status'; readonly status: number; readonly retryAfter?: number | string; readonly errorCode?: string }
  /** The connection is cut after that many bytes of the body; before any answer if `afterBytes` is not given. */
  | { readonly type: 'drop'; readonly afterBytes?: number }
  /** The body ends early, and as if it were whole. */
  | { readonly type: 'truncate'; readonly bytes: number }
  /** The lowest bit of one byte is flipped; `at` wraps around. */
  | { readonly type: 'corrupt'; readonly at: number }
  /** The body comes in pieces with pauses. */
  | { readonly type: 'slow'; readonly pieceBytes: number; readonly pauseMilliseconds: number }
  /** Nothing more comes after that many bytes, and the connection stays open. */
  | { readonly type: 'stall'; readonly afterBytes: number }
  /** A request for a part is answered with the whole. */
  | { readonly type: 'ignore-range' }
  /** The token is refused as expired, whatever it is. */
  | { readonly type: 'expired-token' }
  /** The connection is cut after that many bytes of the request's own body; nothing takes effect. */
  | { readonly type: 'drop-request'; readonly afterBytes: number }
  /** The request's own body is read in pieces with pauses. */
  | { readonly type: 'slow-request'; readonly pauseMilliseconds: number }
  /** Somebody else does the same a moment earlier: makes the repository, or commits to the branch (a stale parent: 412). */
  | { readonly type: 'raced' };

/** Where a fault may strike. */
export interface FaultPlace {
  readonly kind: RequestKind;
  readonly method: string;
  /** Path of the address, without the query. */
  readonly path: string;
  /** How many requests of the same kind and path came before this one. */
  readonly earlier: number;
}

/** Decides on the fault of a request; nothing for a request that goes well. */
export type FaultChooser = (place: FaultPlace) => Fault | undefined;

/** One fault after the other for requests that `matches`, then none. */
export function faultSequence(faults: readonly Fault[], matches: (place: FaultPlace) => boolean = () => true): FaultChooser {
  const left = [...faults];
  return (place) => (left.length > 0 && matches(place) ? left.shift() : undefined);
}

/** Options of {@link seededFaults}. */
export interface SeededFaultOptions {
  /** Share of requests that go wrong. Default 0.5. */
  readonly rate?: number;
  /** Most faults of one kind of request to one path. Default: no limit. */
  readonly most?: number;
  readonly types?: readonly Fault['type'][];
  /** Faults that strike bodies do so within that many bytes. Default 4096. */
  readonly withinBytes?: number;
}

const contentOnly: readonly Fault['type'][] = ['corrupt', 'ignore-range', 'slow', 'stall'];
const withBody: readonly RequestKind[] = ['create', 'preupload', 'lfs-batch', 'upload', 'complete', 'commit', 'branch', 'tag', 'validate'];
const raceable: readonly RequestKind[] = ['create', 'commit'];
const everyType: readonly Fault['type'][] = ['status', 'drop', 'truncate', 'corrupt', 'slow', 'ignore-range'];

/** A schedule of faults that the seed fixes, for the same order of requests. */
export function seededFaults(seed: number, options: SeededFaultOptions = {}): FaultChooser {
  const { rate = 0.5, most = Infinity, types = everyType, withinBytes = 4096 } = options;
  const random = mulberry32(seed);
  const struck = new Map<string, number>();
  return ({ kind, method, path }) => {
    const place = `${kind} ${method} ${path}`;
    const before = struck.get(place) ?? 0;
    if (before >= most || random() >= rate) return undefined;
    const fitting = types.filter((type) => fits(type, kind));
    const type = fitting[Math.floor(random() * fitting.length)];
    if (type === undefined) return undefined;
    struck.set(place, before + 1);
    const bytes = Math.floor(random() * withinBytes);
    switch (type) {
      case 'status':
        return random() < 0.5
          ? { type, status: [500, 502, 503, 504][Math.floor(random() * 4)] ?? 500 }
          : { type, status: 429, retryAfter: 0 };
      case 'drop':
        return random() < 0.3 ? { type } : { type, afterBytes: bytes };
      case 'truncate':
        return { type, bytes };
      case 'corrupt':
        return { type, at: bytes };
      case 'slow':
        return { type, pieceBytes: 1 + Math.floor(withinBytes / 4), pauseMilliseconds: 1 };
      case 'stall':
        return { type, afterBytes: bytes };
      case 'drop-request':
        return { type, afterBytes: bytes };
      case 'slow-request':
        return { type, pauseMilliseconds: 1 };
      case 'ignore-range':
      case 'expired-token':
      case 'raced':
        return { type };
    }
  };
}

function fits(type: Fault['type'], kind: RequestKind): boolean {
  if (contentOnly.includes(type)) return kind === 'content';
  if (type === 'drop-request' || type === 'slow-request') return withBody.includes(kind);
  return type !== 'raced' || raceable.includes(kind);
}
