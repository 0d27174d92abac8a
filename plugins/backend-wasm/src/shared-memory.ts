const importSection = 2;
const memorySection = 5;
const memoryKind = 2;
const hasMaximum = 1;
const isShared = 2;

/**
 * A copy of a compiled module whose one memory, its own or imported, is declared shared. The code of a module is the same for either
 * kind of memory. Throws `RangeError` if there is no memory with a maximum, which a shared one must have.
 */
export function withSharedMemory(module: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(module);
  let at = 8;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const share = (): void => {
    const limits = bytes[at] ?? 0;
    if ((limits & hasMaximum) === 0) throw new RangeError('the memory of the module has no maximum');
    bytes[at] = limits | isShared;
  };
  const skip = (): void => {
    const count = number();
    at += count;
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const size = number();
    const end = at + size;
    if (section === memorySection && number() > 0) {
      share();
      return bytes;
    }
    if (section === importSection) {
      for (let left = number(); left > 0; left--) {
        skip();
        skip();
        const kind = bytes[at++];
        if (kind === memoryKind) {
          share();
          return bytes;
        }
        // A function has a type; a global a type and a mutability; a table a type and limits.
        if (kind === 0) number();
        else if (kind === 3) at += 2;
        else {
          at += 1;
          const limits = number();
          number();
          if ((limits & hasMaximum) !== 0) number();
        }
      }
    }
    at = end;
  }
  throw new RangeError('the module has no memory');
}
