// Generated from the table of API facts. Do not edit.

export type RawExtension = unknown;

export interface TypeMeta {
  apiVersion?: string;
  kind?: string;
}

export interface Unknown extends TypeMeta {
  ContentEncoding: string;
  ContentType: string;
}
