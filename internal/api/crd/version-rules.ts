import { own } from '../../base/own.ts';
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from '../generated/types/apiextensions-v1.ts';
import type { Errors } from './errors.ts';
import { additional, type JsonSchema } from './json-schema.ts';

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = [
  'byte',
  'date',
  'date-time',
  'double',
  'float',
  'int32',
  'int64',
  'password',
];
const columnPath = /^\.(?:[^[\]]|\[[^\]]*\])*$/;
/** Field names and escaped keys, no filters and no indexes. */
const plainPath = /^(?:\.[A-Za-z0-9_-]+|\['[^']*'\])+$/;

export function validateColumns(
  columns: readonly CustomResourceColumnDefinition[],
  path: string,
  errors: Errors,
): void {
  columns.forEach((column, i) => {
    const at = `${path}[${i}]`;
    if (!column.name) errors.add('FieldValueRequired', `${at}.name`);
    if (!column.type)
      errors.add('FieldValueRequired', `${at}.type`, '', `must be one of ${columnTypes.join(',')}`);
    else if (!columnTypes.includes(column.type))
      errors.invalid(`${at}.type`, column.type, `must be one of ${columnTypes.join(',')}`);
    if (column.format && !columnFormats.includes(column.format))
      errors.invalid(`${at}.format`, column.format, `must be one of ${columnFormats.join(',')}`);
    if (!column.jsonPath) errors.add('FieldValueRequired', `${at}.JSONPath`);
    else if (!columnPath.test(column.jsonPath))
      errors.invalid(
        `${at}.JSONPath`,
        column.jsonPath,
        'must be a simple json path starting with .',
      );
  });
}

export function validateScale(
  scale: CustomResourceSubresourceScale,
  path: string,
  errors: Errors,
): void {
  const check = (field: string, value: string, roots: string[]): void => {
    if (!value.startsWith('.') || !plainPath.test(value))
      errors.invalid(`${path}.${field}`, value, 'must be a simple json path starting with .');
    else if (!roots.some((root) => value.startsWith(`${root}.`)))
      errors.invalid(
        `${path}.${field}`,
        value,
        `should be a json path under ${roots.join(' or ')}`,
      );
  };
  if (!scale.specReplicasPath) errors.add('FieldValueRequired', `${path}.specReplicasPath`);
  else check('specReplicasPath', scale.specReplicasPath, ['.spec']);
  if (!scale.statusReplicasPath) errors.add('FieldValueRequired', `${path}.statusReplicasPath`);
  else check('statusReplicasPath', scale.statusReplicasPath, ['.status']);
  // Upstream takes any path here whose form is right, as long as it is under one of the two.
  if (scale.labelSelectorPath && !/^\.(spec|status)\./.test(scale.labelSelectorPath))
    check('labelSelectorPath', scale.labelSelectorPath, ['.spec', '.status']);
}

const maxSelectable = 8; // KEP-4358

export function validateSelectable(
  version: CustomResourceDefinitionVersion,
  path: string,
  errors: Errors,
): void {
  const fields = version.selectableFields ?? [];
  if (fields.length > maxSelectable)
    errors.add(
      'FieldValueTooMany',
      path,
      fields.length,
      `must have at most ${maxSelectable} items`,
    );
  const seen = new Set<string>();
  fields.forEach((field, i) => {
    const at = `${path}[${i}].jsonPath`;
    if (!field.jsonPath) return errors.add('FieldValueRequired', at);
    if (seen.has(field.jsonPath)) return errors.add('FieldValueDuplicate', at, field.jsonPath);
    seen.add(field.jsonPath);
    const found = schemaAt(
      version.schema?.openAPIV3Schema as JsonSchema | undefined,
      field.jsonPath,
    );
    if (!found || field.jsonPath.startsWith('.metadata.'))
      errors.invalid(at, field.jsonPath, 'is an invalid path: does not refer to a valid field');
    else if (!['string', 'boolean', 'integer'].includes(found.type ?? '')) {
      errors.invalid(
        at,
        field.jsonPath,
        'must point to a field of type string, boolean or integer. Enum string fields and ' +
          'strings with formats are allowed.',
      );
    }
  });
}

function schemaAt(schema: JsonSchema | undefined, path: string): JsonSchema | undefined {
  let here = schema;
  for (const name of path.split('.').slice(1))
    here = here && (own(here.properties, name) ?? additional(here));
  return here;
}
