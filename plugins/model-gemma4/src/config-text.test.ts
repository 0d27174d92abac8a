import { expect, it } from 'vitest';
import { gemma4ConfigText } from './config-text.js';

it('writes the fields that Python declares as floats with a point, and nothing else', () => {
  const config = {
    vocab_size: 30,
    text_config: {
      attention_dropout: 0,
      final_logit_softcapping: 30,
      hidden_size: 128,
      initializer_range: 0.02,
      note: '"rope_theta": 5',
      rms_norm_eps: 1e-6,
      rope_parameters: { full_attention: { partial_rotary_factor: 1, rope_theta: 1e6 } },
      rope_theta: -3,
    },
  };
  const text = gemma4ConfigText(config);
  expect(JSON.parse(text)).toEqual(config);
  expect(text.match(/^.*\.0,?$/gm)?.map((line) => line.trim())).toEqual([
    '"attention_dropout": 0.0,',
    '"final_logit_softcapping": 30.0,',
    '"partial_rotary_factor": 1.0,',
    '"rope_theta": 1000000.0',
    '"rope_theta": -3.0',
  ]);
  expect(gemma4ConfigText({ final_logit_softcapping: null })).toBe('{\n  "final_logit_softcapping": null\n}\n');
});
