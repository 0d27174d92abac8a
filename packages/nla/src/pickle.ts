/** What the reader of a pickle decides; anything it refuses, it throws. */
export interface PickleReader {
  /** A name such as `collections.OrderedDict`. */
  global(name: string): unknown;
  /** The result of calling the global of that name. */
  call(name: string, args: readonly unknown[]): unknown;
  /** What a persistent id stands for. */
  persistent(id: unknown): unknown;
}

const mark = Symbol('mark');

/**
 * Reads a Python pickle of protocol 2 to 4 that is made of dicts, lists, tuples, texts, numbers and the calls that `reader` knows. Dicts become
 * maps, tuples and lists arrays. Attributes set on an object (such as a state dict's `_metadata`) are dropped. Throws an `Error` on anything else.
 */
export function parsePickle(bytes: Uint8Array, reader: PickleReader): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let at = 0;

  const take = (count: number): number => {
    if (at + count > bytes.length) throw new Error('a pickle that ends too early');
    at += count;
    return at - count;
  };
  const byte = (): number => view.getUint8(take(1));
  const text = (length: number): string => {
    const start = take(length);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, start + length));
  };
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    if (end < 0) throw new Error('a pickle that ends too early');
    const result = text(end - at);
    at = end + 1;
    return result;
  };
  const pop = (): unknown => {
    if (stack.length === 0) throw new Error('a pickle that takes more than it has');
    return stack.pop();
  };
  const toMark = (): unknown[] => {
    const start = stack.lastIndexOf(mark);
    if (start < 0) throw new Error('a pickle without a mark');
    const items = stack.splice(start);
    return items.slice(1);
  };
  const top = (): unknown => stack.at(-1);
  const setItems = (items: readonly unknown[]): void => {
    const target = top();
    if (!(target instanceof Map) || items.length % 2 !== 0) throw new Error('items for something that is no dict');
    for (let index = 0; index < items.length; index += 2) target.set(items[index], items[index + 1]);
  };
  const long = (length: number): number => {
    const start = take(length);
    if (length > 8) throw new Error('a number of more than 64 bits');
    let value = 0n;
    for (let index = 0; index < length; index++) value |= BigInt(view.getUint8(start + index)) << BigInt(8 * index);
    return Number(BigInt.asIntN(Math.max(8, 8 * length), value));
  };

  for (;;) {
    const opcode = byte();
    switch (opcode) {
      case 0x80: // PROTO
        if (byte() > 4) throw new Error('a pickle of a newer protocol');
        break;
      case 0x95: // FRAME
        take(8);
        break;
      case 0x2e: // STOP
        return pop();
      case 0x28: // MARK
        stack.push(mark);
        break;
      case 0x4e: // NONE
        stack.push(null);
        break;
      case 0x88: // NEWTRUE
        stack.push(true);
        break;
      case 0x89: // NEWFALSE
        stack.push(false);
        break;
      case 0x4a: // BININT
        stack.push(view.getInt32(take(4), true));
        break;
      case 0x4b: // BININT1
        stack.push(byte());
        break;
      case 0x4d: // BININT2
        stack.push(view.getUint16(take(2), true));
        break;
      case 0x8a: // LONG1
        stack.push(long(byte()));
        break;
      case 0x58: // BINUNICODE
        stack.push(text(view.getUint32(take(4), true)));
        break;
      case 0x8c: // SHORT_BINUNICODE
        stack.push(text(byte()));
        break;
      case 0x7d: // EMPTY_DICT
        stack.push(new Map());
        break;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        stack.push([]);
        break;
      case 0x85: // TUPLE1
        stack.push([pop()]);
        break;
      case 0x86: // TUPLE2
      case 0x87: {
        const count = opcode - 0x84;
        if (stack.length < count) throw new Error('a pickle that takes more than it has');
        stack.push(stack.splice(-count));
        break;
      }
      case 0x74: // TUPLE
        stack.push(toMark());
        break;
      case 0x61: {
        const item = pop();
        const list = top();
        if (!Array.isArray(list)) throw new Error('an item for something that is no list');
        list.push(item);
        break;
      }
      case 0x65: {
        const items = toMark();
        const list = top();
        if (!Array.isArray(list)) throw new Error('items for something that is no list');
        list.push(...items);
        break;
      }
      case 0x73: {
        const value = pop();
        const key = pop();
        setItems([key, value]);
        break;
      }
      case 0x75: // SETITEMS
        setItems(toMark());
        break;
      case 0x63: {
        const module = line();
        stack.push(reader.global(`${module}.${line()}`));
        break;
      }
      case 0x93: {
        const name = pop();
        const module = pop();
        if (typeof module !== 'string' || typeof name !== 'string') throw new Error('a name that is no text');
        stack.push(reader.global(`${module}.${name}`));
        break;
      }
      case 0x52: {
        const args = pop();
        const callee = pop();
        if (!isGlobal(callee) || !Array.isArray(args)) throw new Error('a call of something that is no function');
        stack.push(reader.call(callee.global, args as readonly unknown[]));
        break;
      }
      case 0x62: // BUILD: attributes of the object below
        pop();
        break;
      case 0x51: // BINPERSID
        stack.push(reader.persistent(pop()));
        break;
      case 0x71: // BINPUT
        memo.set(byte(), top());
        break;
      case 0x72: // LONG_BINPUT
        memo.set(view.getUint32(take(4), true), top());
        break;
      case 0x94: // MEMOIZE
        memo.set(memo.size, top());
        break;
      case 0x68: // BINGET
      case 0x6a: {
        const key = opcode === 0x68 ? byte() : view.getUint32(take(4), true);
        if (!memo.has(key)) throw new Error('a reference to nothing');
        stack.push(memo.get(key));
        break;
      }
      default:
        throw new Error(`the pickle operation 0x${opcode.toString(16)}`);
    }
  }
}

function isGlobal(value: unknown): value is { readonly global: string } {
  return typeof value === 'object' && value !== null && 'global' in value && typeof value.global === 'string';
}
