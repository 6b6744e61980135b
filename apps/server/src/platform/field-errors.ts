import type { FastifyError } from 'fastify';
import type { FieldError } from './errors.ts';
import { pointerPart } from './json-text.ts';

/** A finding of Ajv, as far as Fastify types it. */
type Issue = NonNullable<FastifyError['validation']>[number] & { parentSchema?: unknown };

const contexts: Record<string, string> = { querystring: 'query', params: 'path', headers: 'header' };

/** What a schema says in words about its text or its keys (contracts, `Shaped` and `Keyed`). */
function rulesOf(issue: Issue): { 'x-rule'?: string; 'x-key-rule'?: string; description?: string } {
  return issue.parentSchema ?? {};
}

function messageOf(issue: Issue): string {
  const { allowedValues, additionalProperty, missingProperty } = issue.params as {
    additionalProperty?: string;
    missingProperty?: string;
    allowedValues?: unknown[];
  };
  const rules = rulesOf(issue);
  if (additionalProperty !== undefined) {
    const rule = rules['x-key-rule'];
    return rule === undefined ? 'is not a field of this request' : `is not a valid key: it must be ${rule}`;
  }
  if (missingProperty !== undefined) return 'is required';
  if (allowedValues !== undefined) return `must be one of ${allowedValues.map(String).join(', ')}`;
  if (issue.keyword === 'pattern' || issue.keyword === 'format') {
    // Nobody reads a regular expression.
    const rule = rules['x-rule'] ?? rules.description;
    if (rule !== undefined) return `must be ${rule}`;
  }
  return issue.message ?? 'is not valid';
}

/** Each thing that is wrong with a request, and where. */
export function fieldErrors(error: FastifyError): FieldError[] {
  const context = contexts[error.validationContext ?? ''];
  const seen = new Set<string>();
  const fields: FieldError[] = [];
  for (const issue of error.validation ?? []) {
    const params = issue.params as { additionalProperty?: string; missingProperty?: string };
    const extra = params.additionalProperty ?? params.missingProperty;
    const path = extra === undefined ? issue.instancePath : issue.instancePath + pointerPart(extra);
    const pointer = context === undefined ? path : `${context}:${path.slice(1)}`;
    const message = messageOf(issue);
    if (seen.has(`${pointer} ${message}`)) continue;
    seen.add(`${pointer} ${message}`);
    fields.push({ pointer, message });
  }
  return fields;
}
