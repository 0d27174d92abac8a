import { mulberry32 } from '../mulberry32.js';
import type { ChatDialect } from './wire-format.js';

/** What may go wrong with one request. The first five lose the answer; the others change it, or its time. */
export type ChatFault =
  /** An error instead of an answer, e.g. 429, 500 or 529; nothing is charged. `retryAfter`: seconds, or the text of a date. */
  | { readonly type: 'status'; readonly status: number; readonly retryAfter?: number | string; readonly code?: string }
  /** The connection is cut after that many bytes of the body, before any if `afterBytes` is not given. The answer was made, and is charged. */
  | { readonly type: 'drop'; readonly afterBytes?: number }
  /** A body that is no answer: JSON that ends early, a page for people, or JSON of another form. Charged. */
  | { readonly type: 'malformed'; readonly form: 'cut' | 'page' | 'form' }
  /** The connection is refused before the request is read; nothing is charged. */
  | { readonly type: 'refuse-connection' }
  /** Nothing comes, and the connection stays open. Charged. */
  | { readonly type: 'stall' }
  /** The answer comes late. */
  | { readonly type: 'slow'; readonly milliseconds: number }
  /** The model, or a filter, declines to answer. */
  | { readonly type: 'refusal' }
  /** The answer has no text. */
  | { readonly type: 'empty' }
  /** The answer ends in the middle, and says so. */
  | { readonly type: 'length' };

/** Where a fault may strike. */
export interface ChatFaultPlace {
  readonly dialect: ChatDialect;
  /** sha256 of the request's body: equal requests have equal ones. */
  readonly body: string;
  /** How many requests with that body came before this one. */
  readonly earlier: number;
}

/** Decides on the fault of a request; nothing for a request that goes well. */
export type ChatFaultChooser = (place: ChatFaultPlace) => ChatFault | undefined;

/** One fault after the other, then none. */
export function chatFaultSequence(faults: readonly ChatFault[]): ChatFaultChooser {
  const left = [...faults];
  return () => left.shift();
}

/** Options of {@link seededChatFaults}. */
export interface SeededChatFaultOptions {
  /** Share of requests that go wrong. Default 0.5. */
  readonly rate?: number;
  /** Most faults of one request. Default: no limit. */
  readonly most?: number;
  /** Default: those after which the same request may be sent again and gives the same answer, without `stall`. */
  readonly types?: readonly ChatFault['type'][];
}

const passing: readonly ChatFault['type'][] = ['status', 'drop', 'malformed', 'refuse-connection', 'slow'];
const forms = ['cut', 'page', 'form'] as const;

/** A schedule of faults that the seed and the requests' bodies fix, whatever the order in which they come. */
export function seededChatFaults(seed: number, options: SeededChatFaultOptions = {}): ChatFaultChooser {
  const { rate = 0.5, most = Infinity, types = passing } = options;
  return ({ body, earlier }) => {
    if (earlier >= most) return undefined;
    const random = mulberry32(seed ^ Number.parseInt(body.slice(0, 8), 16) ^ Math.imul(earlier + 1, 0x9e3779b1));
    if (random() >= rate) return undefined;
    const type = types[Math.floor(random() * types.length)];
    if (type === undefined) return undefined;
    switch (type) {
      case 'status':
        return random() < 0.4
          ? { type, status: 429, retryAfter: random() < 0.5 ? 0 : 2 }
          : { type, status: [408, 409, 500, 502, 503, 529][Math.floor(random() * 6)] ?? 500 };
      case 'drop':
        return random() < 0.3 ? { type } : { type, afterBytes: Math.floor(random() * 200) };
      case 'malformed':
        return { type, form: forms[Math.floor(random() * forms.length)] ?? 'cut' };
      case 'slow':
        return { type, milliseconds: Math.floor(random() * 5) };
      case 'refuse-connection':
      case 'stall':
      case 'refusal':
      case 'empty':
      case 'length':
        return { type };
    }
  };
}
