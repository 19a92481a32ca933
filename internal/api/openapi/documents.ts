import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { typesData } from '../generated/types-data.ts';
import type { KindInfo, Scheme } from '../scheme.ts';
import { rootOf } from './operations.ts';
import { summaries } from './summaries.ts';
import { texts } from './texts/texts.ts';
import { documentV2, type DocumentV2 } from './v2.ts';
import { encodeDocumentV2 } from './v2-protobuf.ts';
import { documentV3, summaryV3 } from './v3.ts';

export const openApiV2Protobuf = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
/** What is answered when it is asked for, as Kubernetes spells it. */
export const openApiV2ProtobufAnswer = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

export interface OpenApiDocument {
  body: Buffer;
  /** Without quotes. */
  etag: string;
}

/** Documents of OpenAPI 3 that are kept: a client reads one once and keeps it by its hash. */
const keptDocuments = 4;
/** Raised when the way documents are written changes: clients hold them by hash. */
const writerRevision = 3;

/** Of the facts and the texts. */
let tableHash: string | undefined;

/** Made when first asked for, thrown away when a definition changes them. */
export class OpenApiDocuments {
  private readonly scheme: Scheme;
  private readonly v3 = new LRUCache<string, OpenApiDocument>({ max: keptDocuments });
  private v2: {
    revision: number;
    document?: DocumentV2;
    json?: OpenApiDocument;
    protobuf?: OpenApiDocument;
  } = { revision: -1 };
  private index: { revision: number; document: OpenApiDocument } | undefined;

  constructor(scheme: Scheme) {
    this.scheme = scheme;
  }

  /** `/openapi/v3`: where each group version's document is, with its hash. */
  v3Index(): OpenApiDocument {
    if (this.index?.revision === this.scheme.revision) return this.index.document;
    const paths: Record<string, { serverRelativeURL: string }> = {};
    const described: [string, KindInfo[]][] = [...summaries(this.scheme).keys()].map((path) => [
      path,
      [],
    ]);
    for (const [gv, infos] of [...this.byVersion(), ...described].sort(([a], [b]) =>
      a < b ? -1 : 1,
    )) {
      paths[gv] = { serverRelativeURL: `/openapi/v3/${gv}?hash=${this.hashOf(infos)}` };
    }
    const document = tagged(Buffer.from(JSON.stringify({ paths })));
    this.index = { revision: this.scheme.revision, document };
    return document;
  }

  /**
   * The document at `apis/apps/v1`, `api/v1` or `version`, or undefined when nothing of it is
   * served.
   */
  v3At(path: string): OpenApiDocument | undefined {
    const infos = this.byVersion().get(path) ?? [];
    const first = infos[0];
    const summary = first ? undefined : summaries(this.scheme).get(path);
    if (!first && !summary) return undefined;
    const hash = this.hashOf(infos);
    const key = `${path} ${hash}`;
    let known = this.v3.get(key);
    if (!known) {
      known = {
        body: Buffer.from(
          JSON.stringify(
            first
              ? documentV3(this.scheme, first.group, first.version)
              : summary && summaryV3(summary),
          ),
        ),
        etag: hash,
      };
      this.v3.set(key, known);
    }
    return known;
  }

  v2Json(): OpenApiDocument {
    const v2 = this.fresh();
    v2.json ??= tagged(Buffer.from(JSON.stringify((v2.document ??= documentV2(this.scheme)))));
    delete v2.document; // large, and hardly anybody asks for both forms
    return v2.json;
  }

  v2Protobuf(): OpenApiDocument {
    const v2 = this.fresh();
    v2.protobuf ??= tagged(encodeDocumentV2(v2.document ?? documentV2(this.scheme)));
    return v2.protobuf;
  }

  private fresh(): {
    revision: number;
    document?: DocumentV2;
    json?: OpenApiDocument;
    protobuf?: OpenApiDocument;
  } {
    if (this.v2.revision !== this.scheme.revision) this.v2 = { revision: this.scheme.revision };
    return this.v2;
  }

  private byVersion(): Map<string, KindInfo[]> {
    const out = new Map<string, KindInfo[]>();
    for (const info of this.scheme.resources()) {
      const path = rootOf(info.group, info.version).slice(1);
      const known = out.get(path);
      if (known) known.push(info);
      else out.set(path, [info]);
    }
    return out;
  }

  /**
   * Of what a document is made from, not of its text: asking for the index must not write every
   * document.
   */
  private hashOf(infos: readonly KindInfo[]): string {
    tableHash ??= [typesData, ...texts.map((text) => text())]
      .reduce((hash, text) => hash.update(text), createHash('sha256'))
      .digest('hex');
    const hash = createHash('sha512').update(`${writerRevision} ${tableHash}`);
    for (const info of [...infos].sort((a, b) => (a.resource < b.resource ? -1 : 1))) {
      hash.update(
        JSON.stringify([
          info.group,
          info.version,
          info.kind,
          info.listKind,
          info.resource,
          info.namespaced,
          info.verbs,
          [...info.subresources],
          info.crd?.schema,
          info.crd?.preserveUnknownFields,
          info.crd?.selectableFields,
        ]),
      );
    }
    return hash.digest('hex').toUpperCase();
  }
}

function tagged(body: Buffer): OpenApiDocument {
  return { body, etag: createHash('sha512').update(body).digest('hex').toUpperCase() };
}
