// Generated from the table of API facts. Do not edit.

export type IntOrString = unknown;
