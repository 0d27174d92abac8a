import type { Figures, GuardReport, MemoryPlan, Warning } from '@nlakit/core';
import type { BackendChoice } from './choose-backend.js';
import type { ResolvedSlot } from './resolved-run.js';
import type { Role } from './run-layout.js';

/** A part of a run, or the run as a whole. */
export type StageName = 'run' | 'data' | 'train' | 'eval' | 'report';

/** What an event says; training events name their role. */
export type RunEventBody =
  /** What `backend: auto` became, and what was found out about the others. */
  | ({ readonly stage: 'run'; readonly type: 'backend-choice' } & BackendChoice)
  /** The run goes on with another backend, which somebody asked for. */
  | { readonly stage: 'run'; readonly type: 'backend'; readonly from: ResolvedSlot; readonly to: ResolvedSlot }
  | { readonly stage: 'data' | 'report'; readonly type: 'start' }
  | {
      readonly stage: 'data';
      readonly type: 'done';
      readonly figures: Figures;
      readonly files: readonly string[];
      readonly seconds: number;
    }
  | { readonly stage: 'data'; readonly type: 'warning'; readonly warning: Warning }
  | {
      readonly stage: 'train';
      readonly role: Role;
      readonly type: 'start';
      readonly steps: number;
      readonly resumedFrom?: number;
      readonly backend: string;
    }
  | { readonly stage: 'train'; readonly role: Role; readonly type: 'plan'; readonly plan: MemoryPlan }
  | { readonly stage: 'train'; readonly role: Role; readonly type: 'guard'; readonly guard: GuardReport; readonly override: boolean }
  | {
      readonly stage: 'train';
      readonly role: Role;
      readonly type: 'step';
      readonly step: number;
      readonly steps: number;
      readonly figures: Figures;
    }
  | {
      readonly stage: 'train';
      readonly role: Role;
      readonly type: 'checkpoint';
      readonly step: number;
      readonly reason: 'save' | 'interrupt';
      readonly health: Figures;
    }
  | { readonly stage: 'train'; readonly role: Role; readonly type: 'warning'; readonly step?: number; readonly warning: Warning }
  | { readonly stage: 'train'; readonly role: Role; readonly type: 'done'; readonly step: number; readonly figures: Figures }
  | {
      readonly stage: 'eval';
      readonly type: 'evaluation';
      readonly evaluator: string;
      readonly step: number;
      readonly headline: Figures;
      readonly seconds: number;
    }
  | { readonly stage: 'eval'; readonly type: 'warning'; readonly evaluator: string; readonly step?: number; readonly warning: Warning }
  | { readonly stage: 'report'; readonly type: 'done'; readonly files: readonly string[] };

/** One line of `events.jsonl`. */
export type RunEvent = { readonly time: string } & RunEventBody;
