/** What is known before an expression runs about the length of a string, list or map. */
export interface Size {
  min: number;
  max: number;
}

/** What a schema says about a value, as far as its size goes. Types without a length have max 0. */
export interface Declared {
  max: number;
  /** Of items or map values. */
  items?: Declared;
  keys?: Declared;
  fields?: ReadonlyMap<string, Declared>;
  /** Of fields that are not named there. */
  others?: Declared;
}

/** Costs and sizes stop here, as unsigned 64-bit numbers of upstream do. */
export const most = 2 ** 64;
export const unknownSize: Size = { min: 0, max: most };
export const exactly = (n: number): Size => ({ min: n, max: n });

export const plus = (...costs: number[]): number =>
  Math.min(
    most,
    costs.reduce((a, b) => a + b, 0),
  );
export const times = (a: number, b: number): number =>
  a === 0 || b === 0 ? 0 : Math.min(most, a * b);
/** Rounded up, as every cost that comes from a length. */
export const scaled = (size: number, factor: number): number =>
  Math.min(most, Math.ceil(size * factor));

export const addSizes = (a: Size, b: Size): Size => ({
  min: plus(a.min, b.min),
  max: plus(a.max, b.max),
});
export const multiplySizes = (a: Size, b: Size): Size => ({
  min: times(a.min, b.min),
  max: times(a.max, b.max),
});
export const unite = (a: Size, b: Size): Size => ({
  min: Math.min(a.min, b.min),
  max: Math.max(a.max, b.max),
});
