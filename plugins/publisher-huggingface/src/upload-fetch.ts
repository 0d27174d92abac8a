import { failureOfNetwork, failureOfResponse, HubFailure, requestOnce, withRetries } from '@nlakit/hub';
import { fileChanged } from './content-ids.js';
import type { HubSession } from './hub-session.js';

/** What a commit over this `fetch` is about. */
export interface UploadFetchOptions {
  /** Path of each content that may be uploaded, by sha256. */
  readonly planned: ReadonlyMap<string, string>;
  /** Told how many bytes of a content have been sent, or that the Hub has it. */
  readonly sent: (sha256: string, bytes: number) => void;
  /** Asked after a commit whose answer was lost: the commit and pull request, if it has been made. */
  readonly landed: () => Promise<{ readonly commitOid: string; readonly pullRequestUrl?: string } | undefined>;
}

/** Where a content is to be sent. */
interface Target {
  readonly sha256: string;
  readonly bytes: number;
  readonly action: 'whole' | 'part' | 'complete';
}

interface BatchAnswer {
  readonly objects: readonly {
    readonly oid: string;
    readonly size: number;
    readonly actions?: { readonly upload?: { readonly href: string; readonly header?: Readonly<Record<string, string>> } };
  }[];
}

/**
 * A `fetch` for one call of `commit` of `@huggingface/hub`, which tries everything once. This one tries again after passing faults, and
 * does not do twice what may have been done: after a lost answer it asks whether the Hub has the large object, or whether the branch holds
 * the commit. The token goes to the Hub's own address alone.
 */
export function createUploadFetch(session: HubSession, options: UploadFetchOptions): typeof fetch {
  const { subject, policy } = session;
  const targets = new Map<string, Target>();
  /** Bytes sent of each content, by part; a part that is sent again counts anew. */
  const sentOf = new Map<string, Map<string, number>>();
  let batch: { readonly address: string; readonly init: RequestInit | undefined } | undefined;
  // Joining the parts of a large object, and a large commit, may take the server longer than an answer from memory.
  const patient = { stallMilliseconds: policy.stallMilliseconds * 10 };

  /** What the Hub answers now to a batch of this one object. */
  const askAgain = async (sha256: string, bytes: number, signal: AbortSignal): Promise<string | undefined> => {
    const body = JSON.stringify({
      ...(JSON.parse(String(batch?.init?.body)) as object),
      objects: [{ oid: sha256, size: bytes }],
    });
    const response = await requestOnce(subject, policy, signal, batch?.address ?? '', { ...batch?.init, body });
    const [object] = ((await response.json()) as BatchAnswer).objects;
    return object?.actions?.upload?.href;
  };

  return async (input, init) => {
    const address = input instanceof Request ? input.url : String(input);
    const signal = init?.signal ? AbortSignal.any([session.signal, init.signal]) : session.signal;
    const { origin, pathname } = new URL(address);
    const own = origin === new URL(subject.settings.endpoint).origin;
    const target = targets.get(address);

    if (own && pathname.endsWith('.git/info/lfs/objects/batch')) {
      batch = { address, init };
      for (const { oid } of (JSON.parse(String(init?.body)) as BatchAnswer).objects) {
        if (!options.planned.has(oid)) throw fileChanged([...options.planned.values()].join(', '), oid);
      }
      const response = await withRetries(policy, signal, () => requestOnce(subject, policy, signal, address, init));
      for (const { oid, size, actions } of ((await response.clone().json()) as BatchAnswer).objects) {
        if (actions?.upload === undefined) {
          options.sent(oid, size);
          continue;
        }
        const { href, header = {} } = actions.upload;
        const parts = Object.entries(header).filter(([key]) => /^\d+$/.test(key));
        const whole = header['chunk_size'] === undefined;
        targets.set(href, { sha256: oid, bytes: size, action: whole ? 'whole' : 'complete' });
        for (const [, part] of parts) targets.set(part, { sha256: oid, bytes: size, action: 'part' });
      }
      return response;
    }

    if (target !== undefined && target.action !== 'complete') {
      const { sha256, action } = target;
      let place: string | undefined = address;
      let first = true;
      return withRetries(policy, signal, async () => {
        if (!first && action === 'whole') place = await askAgain(sha256, target.bytes, signal);
        first = false;
        if (place === undefined) {
          options.sent(sha256, target.bytes);
          return new Response(null, { status: 200 });
        }
        const key = action === 'part' ? address : sha256;
        return put(session, place, init, signal, (bytes) => {
          const byPart = sentOf.get(sha256) ?? new Map<string, number>();
          sentOf.set(sha256, byPart.set(key, bytes));
          options.sent(
            sha256,
            [...byPart.values()].reduce((sum, part) => sum + part, 0),
          );
        });
      });
    }

    if (target !== undefined) {
      let first = true;
      return withRetries(policy, signal, async () => {
        if (!first && (await askAgain(target.sha256, target.bytes, signal)) === undefined) return new Response('{}');
        first = false;
        return requestOnce(subject, patient, signal, address, init);
      });
    }

    if (own && /\/commit\/[^/]+$/.test(pathname)) {
      let first = true;
      return withRetries(policy, signal, async () => {
        const made = first ? undefined : await options.landed();
        first = false;
        if (made === undefined) return requestOnce(subject, patient, signal, address, init);
        return new Response(JSON.stringify({ ...made, commitUrl: '', hookOutput: '' }));
      });
    }
    return withRetries(policy, signal, () => requestOnce(subject, policy, signal, address, init));
  };
}

/**
 * Sends a content to an address of the storage, once, as a stream with a length, counting what has left. An address that has expired
 * (403) is worth another attempt, since a new one is asked for. Throws a `HubFailure`.
 */
async function put(
  { subject, policy }: HubSession,
  address: string,
  init: RequestInit | undefined,
  signal: AbortSignal,
  sent: (bytes: number) => void,
): Promise<Response> {
  if (!(init?.body instanceof Blob)) throw new TypeError('An upload is expected to have a Blob as its body.');
  const stalled = new AbortController();
  const alarm = (): void => {
    stalled.abort(new Error(`nothing was taken for ${policy.stallMilliseconds} ms`));
  };
  let timer = setTimeout(alarm, policy.stallMilliseconds);
  let bytes = 0;
  const counted = init.body.stream().pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>(
      {
        transform(piece, controller) {
          clearTimeout(timer);
          timer = setTimeout(alarm, policy.stallMilliseconds);
          bytes += piece.length;
          sent(bytes);
          controller.enqueue(piece);
        },
      },
      undefined,
      // Nothing is read ahead of what the connection takes.
      { highWaterMark: 0 },
    ),
  );
  try {
    const response = await fetch(address, {
      method: 'PUT',
      headers: { ...Object.fromEntries(new Headers(init.headers)), 'content-length': String(init.body.size) },
      body: counted,
      duplex: 'half',
      signal: AbortSignal.any([signal, stalled.signal]),
    });
    if (response.ok) {
      await response.arrayBuffer().catch(() => undefined);
      return response;
    }
    const failure = await failureOfResponse(response, subject);
    throw response.status === 403 ? new HubFailure(failure.error, true, undefined, 403) : failure;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HubFailure) throw error;
    const cause = error instanceof Error ? error.cause : undefined;
    for (const thrown of [error, cause]) {
      if (thrown instanceof Error && thrown.name === 'NotReadableError') throw fileChanged(address, thrown.message);
    }
    throw failureOfNetwork(error, subject, 'The storage of the Hub did not take a file.');
  } finally {
    clearTimeout(timer);
  }
}
