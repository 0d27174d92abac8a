import type { Trainer, TrainEvent } from '@nlakit/core';

/** A trainer whose steps show the perplexity, e to the loss, beside the loss. The loss and the update are not touched. */
export function withPerplexity(trainer: Trainer): Trainer {
  async function* train(...args: Parameters<Trainer['train']>): AsyncGenerator<TrainEvent> {
    for await (const event of trainer.train(...args)) yield shown(event);
  }
  return { ...trainer, train };
}

function shown(event: TrainEvent): TrainEvent {
  if (event.type !== 'step') return event;
  return { ...event, figures: { ...event.figures, perplexity: Math.exp(event.figures.loss) } };
}
