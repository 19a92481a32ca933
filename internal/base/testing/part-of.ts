/** A value with some of its fields, at every depth; its functions may return such values too. */
export type Part<T> = T extends (...given: infer Given) => infer Result
  ? (...given: Given) => Part<Result>
  : T extends Promise<infer Value>
    ? Promise<Part<Value>>
    : T extends readonly (infer Item)[]
      ? readonly Part<Item>[]
      : T extends object
        ? { [Name in keyof T]?: Part<T[Name]> | undefined }
        : T;

/**
 * A fixture: the fields that a test needs of a type that has more. What is named must fit the type;
 * what is left out is not there, and code that reads it finds undefined.
 */
export function partOf<T>(part: Part<T>): T {
  return part as T;
}
