import { own, table } from '../../base/own.ts';
import { Codec, type FieldFact } from '../protobuf/codec.ts';
import { etcdMessages } from './messages.ts';

const codec = new Codec((message) => {
  const facts = etcdMessages[message];
  return facts === '' ? [] : facts?.split(' ').map(parseField);
});

/** Bytes of a message. Zero values are left out, as proto3 wants it. */
export const encode = (message: string, value: object): Buffer => codec.encode(message, value);

/** Reads a message; unknown fields are skipped. Bytes fields share the memory of `bytes`. */
export const decode = <T>(message: string, bytes: Buffer): T => codec.decode<T>(message, bytes);

function parseField(fact: string): FieldFact {
  const [name = '', rest = ''] = fact.split('=');
  const [number = '', kind = ''] = rest.split(':');
  const list = kind.startsWith('[]');
  const type = list ? kind.slice(2) : kind;
  return {
    name,
    number: Number(number),
    type: own(types, type) ?? type,
    shape: list ? 'list' : 'one',
  };
}

const types: Record<string, string> = table({ enum: 'int', u32: 'int' });
