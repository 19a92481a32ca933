import { decodeJson, decodeYaml } from '../../api/codec/decode.ts';
import { decodeProtobuf, encodeProtobuf } from '../../api/codec/protobuf/envelope.ts';
import { applyDefaults } from '../../api/defaults/defaults.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Scheme } from '../../api/scheme.ts';
import { ApiError } from '../../api/status.ts';
import type { Decoded, GroupVersionKind } from './resource.ts';

export type Format = 'json' | 'yaml' | 'protobuf';

/** Kinds that are spoken but not stored: options, reviews, Scale, Binding, Status. */
export class Spoken {
  readonly #scheme: Scheme;

  constructor(scheme: Scheme) {
    this.#scheme = scheme;
  }

  decode(kind: GroupVersionKind, bytes: Uint8Array, format: Format, validation: 'Ignore' | 'Warn' | 'Strict' = 'Ignore'): Decoded {
    const info = this.#scheme.kind(kind.group, kind.version, kind.kind);
    if (!info) throw new ApiError('InternalError', `no kind ${kind.kind} in ${kind.group}/${kind.version}`);
    const decoded = format === 'protobuf' ? { object: decodeProtobuf(this.#scheme, bytes, info), warnings: [] } : format === 'yaml' ? decodeYaml(info, bytes, { validation }) : decodeJson(info, bytes, { validation });
    const object = decoded.object;
    applyDefaults(info, object);
    object.metadata ??= {} as KubeObject['metadata'];
    return { object, warnings: decoded.warnings };
  }

  /** The enveloped protobuf of any object that names its kind. */
  encode(object: object): Uint8Array {
    const info = this.#scheme.kindOf(object as KubeObject);
    if (!info) throw new ApiError('InternalError', `no protobuf for ${(object as KubeObject).kind}`);
    return encodeProtobuf(info, object);
  }
}
