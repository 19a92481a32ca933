import { validateDefinition, validateDefinitionUpdate } from '../crd/definition.ts';
import type { CustomResourceDefinition } from '../generated/types/apiextensions-v1.ts';
import { dns1123Subdomain } from '../names.ts';
import type { Rule } from './rule.ts';

/** A definition is judged where it is compiled; its name is part of that. */
export const customResourceDefinition: Rule<CustomResourceDefinition> = {
  name: dns1123Subdomain,
  create: (problems, definition) => problems.add(validateDefinition(definition)),
  update: (problems, definition, old) => problems.add(validateDefinitionUpdate(definition, old)),
};
