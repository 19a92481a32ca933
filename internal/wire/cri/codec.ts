import { own, table } from '../../base/own.ts';
import { Codec, type FieldFact } from '../protobuf/codec.ts';

/** A codec by facts: `name number kind`, see generated/messages.ts. */
export function codecOf(messages: Readonly<Record<string, string>>): Codec {
  return new Codec((message) => {
    const facts = own(messages, message);
    return facts === '' ? [] : facts?.split(', ').map(parseField);
  });
}

function parseField(fact: string): FieldFact {
  const [name = '', number = '0', kind = ''] = fact.split(' ');
  const shape = kind[0] === '[' ? 'list' : kind[0] === '{' ? 'map' : 'one';
  const type = shape === 'one' ? kind : kind.slice(1);
  return {
    name,
    number: Number(number),
    type: type.startsWith('.') ? type.slice(1) : (own(types, type) ?? type),
    shape,
  };
}

/** Names of the facts that are others in the codec; those of messages begin with a dot. */
const types: Record<string, string> = table({
  string: 'str',
  bytes: 'copied',
  enum: 'int32',
  int64: 'int',
});
