/** Events from work that goes on by itself to one that iterates over them. */
export interface EventChannel<Event> {
  push(event: Event): void;
  /** No more events; with an error, it is thrown to the reader behind the last event. */
  end(error?: { readonly reason: unknown }): void;
  events(): AsyncGenerator<Event, void>;
}

/** Makes a channel for one reader. */
export function createEventChannel<Event>(): EventChannel<Event> {
  const waiting: Event[] = [];
  let ended: { readonly error?: { readonly reason: unknown } | undefined } | undefined;
  let wake: () => void = () => undefined;
  return {
    push(event) {
      waiting.push(event);
      wake();
    },
    end(error) {
      ended ??= { error };
      wake();
    },
    async *events() {
      for (;;) {
        for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield event;
        if (ended !== undefined) {
          if (ended.error !== undefined) throw ended.error.reason;
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
