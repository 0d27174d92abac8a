import { NlaError } from '@nlakit/core';

/** Stands in an AV template where the marker goes. */
export const INJECTION_PLACEHOLDER = '{injection_char}';
/** Stands in an AR template where the explanation goes. */
export const EXPLANATION_PLACEHOLDER = '{explanation}';

/** Each template that is there must hold its placeholder exactly once, or `E_SIDECAR_TEMPLATE`. */
export function checkTemplates(templates: { readonly av: string | null; readonly ar: string | null }): void {
  checkTemplate('AV', templates.av, INJECTION_PLACEHOLDER);
  checkTemplate('AR', templates.ar, EXPLANATION_PLACEHOLDER);
}

/** Puts `value` where the placeholder stands. No character of `value` has a special meaning. */
export function fillTemplate(template: string, placeholder: string, value: string): string {
  return template.split(placeholder).join(value);
}

function checkTemplate(name: string, template: string | null, placeholder: string): void {
  if (template === null) return;
  const count = template.split(placeholder).length - 1;
  if (count === 1) return;
  throw new NlaError('E_SIDECAR_TEMPLATE', {
    message: `The ${name} template must hold ${placeholder} exactly once.`,
    found: `${count} times`,
    expected: 'once',
    kind: 'input',
  });
}
