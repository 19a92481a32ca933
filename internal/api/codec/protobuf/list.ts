import { Buffer } from 'node:buffer';
import { apiVersionOf } from '../../object.ts';
import type { KindInfo } from '../../kind-info.ts';
import { planOf } from '../plan.ts';
import { magic } from './envelope.ts';
import { writeMessage } from './write-message.ts';
import { WireWriter } from './writer.ts';

/** Every list of Kubernetes has its ListMeta in field 1 and its items in field 2. */
const metadataField = 1;
const itemsField = 2;

/** The parts of an enveloped list: head, items as often as there are some, tail. */
export interface ListProtobuf {
  items(objects: readonly object[]): Buffer;
  /** Goes before items that take so many bytes. */
  head(metadata: object, itemsBytes: number): Buffer;
  tail: Buffer;
}

export function listProtobuf(info: KindInfo): ListProtobuf {
  const type = planOf(info.type.name);
  const end = new WireWriter();
  end.stringField(4, '');
  end.stringField(3, '');
  return {
    items(objects) {
      const to = new WireWriter(1024 * Math.max(1, objects.length));
      for (let i = objects.length - 1; i >= 0; i--) {
        const mark = to.mark;
        writeMessage(type, objects[i] as Record<string, unknown>, to);
        to.close(itemsField, mark);
      }
      return Buffer.from(to.result());
    },
    head(metadata, itemsBytes) {
      const to = new WireWriter();
      writeMessage(listMeta(), metadata as Record<string, unknown>, to);
      to.close(metadataField, 0);
      to.varint(to.mark + itemsBytes);
      to.tag(2, 2);
      const meta = to.mark;
      to.stringField(2, info.listKind);
      to.stringField(1, apiVersionOf(info));
      to.close(1, meta);
      to.bytes(magic);
      return Buffer.from(to.result());
    },
    tail: Buffer.from(end.result()),
  };
}

const listMeta = () => planOf('io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta');
