import { decodeJson, decodeValue, decodeYaml } from '../../api/codec/decode.ts';
import { decodeProtobuf, encodeProtobuf } from '../../api/codec/protobuf/envelope.ts';
import { applyDefaults } from '../../api/defaults/defaults.ts';
import type { KindInfo } from '../../api/kind-info.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Scheme } from '../../api/scheme.ts';
import { ApiError } from '../../api/status.ts';
import type { Decoded, GroupVersionKind } from './resource.ts';

export type Format = 'json' | 'yaml' | 'protobuf';

/** Kinds that are sent and answered but never stored: options, reviews, Scale, Binding, Status. */
export class UnstoredKinds {
  readonly #scheme: Scheme;

  constructor(scheme: Scheme) {
    this.#scheme = scheme;
  }

  decode(
    kind: GroupVersionKind,
    bytes: Uint8Array,
    format: Format,
    validation: 'Ignore' | 'Warn' | 'Strict' = 'Ignore',
  ): Decoded {
    const info = this.kind(kind);
    const decoded =
      format === 'protobuf'
        ? { object: decodeProtobuf(this.#scheme, bytes, info), warnings: [] }
        : format === 'yaml'
          ? decodeYaml(info, bytes, { validation })
          : decodeJson(info, bytes, { validation });
    const object = decoded.object;
    applyDefaults(info, object);
    object.metadata ??= {} as KubeObject['metadata'];
    return { object, warnings: decoded.warnings };
  }

  /**
   * A value that came from a patch, in the form of its kind. Throws DecodeError when it does not
   * fit.
   */
  normalize(kind: GroupVersionKind, value: unknown): Decoded {
    const info = this.kind(kind);
    const { object, strict } = decodeValue(info, value);
    applyDefaults(info, object);
    object.metadata ??= {} as KubeObject['metadata'];
    return { object, warnings: strict };
  }

  /** Throws InternalError for a kind that the scheme does not know. */
  kind({ group, version, kind }: GroupVersionKind): KindInfo {
    const info = this.#scheme.kind(group, version, kind);
    if (!info) throw new ApiError('InternalError', `no kind ${kind} in ${group}/${version}`);
    return info;
  }

  /** The enveloped protobuf of any object that names its kind. */
  encode(object: object): Uint8Array {
    const info = this.#scheme.kindOf(object as KubeObject);
    if (!info)
      throw new ApiError('InternalError', `no protobuf for ${(object as KubeObject).kind}`);
    return encodeProtobuf(info, object);
  }
}
