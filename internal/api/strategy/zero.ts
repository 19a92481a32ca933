import type { Dict } from '../loose.ts';
import type { Schema, StructSchema } from '../schema.ts';

/** What Go writes for a struct that nobody touched: the fields that are not left out when empty. */
export function zeroStruct(schema: StructSchema): Dict {
  const zero: Dict = {};
  for (const field of schema.fields.values()) {
    if (field.pointer) {
      if (!field.omitEmpty) zero[field.name] = null;
    } else if (field.type.kind === 'struct') zero[field.name] = zeroStruct(field.type);
    else if (!field.omitEmpty) zero[field.name] = zeroOf(field.type);
  }
  return zero;
}

function zeroOf(schema: Schema): unknown {
  switch (schema.kind) {
    case 'struct':
      return zeroStruct(schema);
    case 'boolean':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0;
    case 'string':
      return '';
    case 'duration':
      return '0s';
    case 'quantity':
      return '0';
    default:
      return null;
  }
}
