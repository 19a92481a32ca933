import { Buffer } from 'node:buffer';
import { apiVersionOf } from '../../object.ts';
import type { KindInfo } from '../../kind-info.ts';
import { planOf } from '../plan.ts';
import { magic } from './envelope.ts';
import { DecodeError } from '../scalars.ts';
import { stepsOf, type Steps } from './steps.ts';
import { NotPlain, Transcoder } from './transcode.ts';
import { writeMessage } from './write-message.ts';
import { WireWriter } from './writer.ts';

/** Every list of Kubernetes has its ListMeta in field 1 and its items in field 2. */
const metadataField = 1;
const itemsField = 2;

/** One object of a list. */
export interface ListItem {
  /** Its JSON without resourceVersion, where that is what is served. */
  stored: Buffer | undefined;
  revision: number;
  object(): object;
}

/** The parts of an enveloped list: head, items as often as there are some, tail. */
export interface ListProtobuf {
  items(items: readonly ListItem[]): Buffer;
  /** Goes before items that take so many bytes. */
  head(metadata: object, itemsBytes: number): Buffer;
  tail: Buffer;
}

export function listProtobuf(info: KindInfo): ListProtobuf {
  const type = planOf(info.type.name);
  const steps = (): Steps => stepsOf(type);
  const end = new WireWriter();
  end.stringField(4, '');
  end.stringField(3, '');
  return {
    items(items) {
      const to = (transcoder ??= new Transcoder(64 * 1024));
      to.begin();
      for (const item of items) {
        if (item.stored && plain(() => to.object(itemsField, steps(), item.stored!, item.revision)))
          continue;
        const message = new WireWriter();
        writeMessage(type, item.object() as Record<string, unknown>, message);
        to.field(itemsField, message.result());
      }
      return to.take();
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

/** One for all: nothing else runs while items are made. */
let transcoder: Transcoder | undefined;

/** False where the object has a form that only the way over objects knows. */
function plain(transcode: () => void): boolean {
  try {
    transcode();
    return true;
  } catch (error) {
    if (error instanceof NotPlain || error instanceof DecodeError) return false;
    throw error;
  }
}

const listMeta = () => planOf('io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta');
