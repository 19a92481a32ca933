// Generated from the table of API facts. Do not edit.

export type Quantity = unknown;

export type QuantityValue = unknown;
