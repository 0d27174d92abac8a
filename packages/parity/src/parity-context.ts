import type { Model } from '@nlakit/core';
import { tinyModel, type TinyOptions } from './tiny-model.js';

/** What comparisons run on: the current backend, with models that several comparisons share. */
export interface ParityContext {
  /** Name for the table. */
  readonly backend: string;
  /** The model under test; made once. Trainable, every weight is a variable. */
  model(kind: 'packed' | 'trainable'): Promise<Model>;
  /** The result of a computation that several comparisons look at, computed once. */
  once<Result>(name: string, compute: () => Promise<Result>): Promise<Result>;
  /** Frees the models. */
  dispose(): Promise<void>;
}

/** How the model under test differs from the golden one: for showing that a comparison notices. */
export interface ContextOptions extends TinyOptions {
  readonly backend: string;
  /** Puts something between the comparisons and the model. */
  readonly wrap?: (model: Model) => Model;
}

/** A context on the current backend. */
export function createContext({ backend, wrap = (model) => model, ...options }: ContextOptions): ParityContext {
  const models = new Map<string, Promise<Model>>();
  const results = new Map<string, Promise<unknown>>();
  return {
    backend,
    model(kind) {
      let made = models.get(kind);
      if (made === undefined) {
        made = tinyModel({ ...options, trainable: kind === 'trainable' }).then(wrap);
        models.set(kind, made);
      }
      return made;
    },
    once<Result>(name: string, compute: () => Promise<Result>) {
      let result = results.get(name);
      if (result === undefined) {
        result = compute();
        results.set(name, result);
      }
      return result as Promise<Result>;
    },
    async dispose() {
      for (const model of models.values()) (await model).dispose();
      models.clear();
    },
  };
}
