import type { JsonValue } from '@nlakit/core';

/** Fields that transformers declares as floats and, as of 5.18, refuses as `30` though it takes `30.0`. */
const floats = ['attention_dropout', 'final_logit_softcapping', 'initializer_range', 'partial_rotary_factor', 'rms_norm_eps', 'rope_theta'];
const wholeFloats = new RegExp(`^( *"(?:${floats.join('|')})": -?\\d+)(?=,?$)`, 'gm');

/** Text of a `config.json` that Python's libraries take as well: JavaScript's own JSON has `30` for 30.0. */
export function gemma4ConfigText(config: Readonly<Record<string, JsonValue>>): string {
  return `${JSON.stringify(config, null, 2).replace(wholeFloats, '$1.0')}\n`;
}
