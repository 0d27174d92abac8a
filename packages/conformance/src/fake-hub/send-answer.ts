import type { ServerResponse } from 'node:http';
import type { Fault } from './faults.js';
import type { Answer } from './route.js';

/** What was sent of an answer. */
export interface Sent {
  readonly status: number;
  /** Bytes of the body that left. */
  readonly bytes: number;
}

/** Sends an answer, cut to the range asked for, with the fault in it. */
export async function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  request: { readonly head: boolean; readonly range: string | undefined },
  fault: Fault | undefined,
): Promise<Sent> {
  if (fault?.type === 'drop' && fault.afterBytes === undefined) {
    response.destroy();
    return { status: 0, bytes: 0 };
  }
  const range = answer.ranges === true && fault?.type !== 'ignore-range' ? parseRange(request.range) : undefined;
  const whole = answer.body ?? new Uint8Array();
  if (range !== undefined && range.start >= whole.length) {
    response.writeHead(416, { 'content-range': `bytes */${whole.length}` }).end();
    return { status: 416, bytes: 0 };
  }
  const body = range === undefined ? whole : whole.subarray(range.start, Math.min(range.end, whole.length - 1) + 1);
  const status = range === undefined ? answer.status : 206;
  const headers: Record<string, string> = {
    ...answer.headers,
    ...(answer.ranges === true ? { 'accept-ranges': 'bytes' } : {}),
    ...(range === undefined ? {} : { 'content-range': `bytes ${range.start}-${range.start + body.length - 1}/${whole.length}` }),
    // A body that ends early as if it were whole has no length to compare it with.
    ...(fault?.type === 'truncate' ? {} : { 'content-length': String(body.length) }),
  };
  response.writeHead(status, headers);
  if (request.head) {
    response.end();
    return { status, bytes: 0 };
  }
  return { status, bytes: await sendBody(response, body, fault) };
}

async function sendBody(response: ServerResponse, body: Uint8Array, fault: Fault | undefined): Promise<number> {
  switch (fault?.type) {
    case 'drop': {
      const part = body.subarray(0, Math.min(fault.afterBytes ?? 0, Math.max(0, body.length - 1)));
      await write(response, part);
      response.destroy();
      return part.length;
    }
    case 'stall': {
      const part = body.subarray(0, Math.min(fault.afterBytes, Math.max(0, body.length - 1)));
      await write(response, part);
      return part.length;
    }
    case 'truncate': {
      const part = body.subarray(0, Math.min(fault.bytes, Math.max(0, body.length - 1)));
      response.end(part);
      return part.length;
    }
    case 'corrupt': {
      const wrong = Uint8Array.from(body);
      const at = fault.at % Math.max(1, wrong.length);
      if (wrong.length > 0) wrong[at] = (wrong[at] ?? 0) ^ 1;
      response.end(wrong);
      return wrong.length;
    }
    case 'slow': {
      let sent = 0;
      while (sent < body.length && !response.destroyed) {
        const part = body.subarray(sent, sent + fault.pieceBytes);
        await write(response, part);
        sent += part.length;
        if (sent < body.length) await pause(fault.pauseMilliseconds);
      }
      response.end();
      return sent;
    }
    case 'status':
    case 'ignore-range':
    case 'expired-token':
    case 'drop-request':
    case 'slow-request':
    case 'raced':
    case undefined:
      response.end(body);
      return body.length;
  }
}

/** Hands bytes to the system; comes back also when the other side has gone. */
function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((done) => {
    const finished = (): void => {
      response.off('close', finished);
      done();
    };
    response.once('close', finished);
    if (bytes.length > 0) response.write(bytes, finished);
    else {
      response.flushHeaders();
      setImmediate(finished);
    }
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

function parseRange(text: string | undefined): { readonly start: number; readonly end: number } | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(text ?? '');
  if (match === null) return undefined;
  return { start: Number(match[1]), end: match[2] === '' ? Infinity : Number(match[2]) };
}
