/** Collects what is wrong with a configuration, each complaint with the path of its field. */
export class Complaints {
  readonly #all: string[];
  readonly #path: string;

  constructor(all: string[] = [], path = '') {
    this.#all = all;
    this.#path = path;
  }

  get list(): readonly string[] {
    return this.#all;
  }

  at(path: string): Complaints {
    return new Complaints(this.#all, this.#path ? `${this.#path}.${path}` : path);
  }

  say(text: string): void {
    this.#all.push(this.#path ? `${this.#path}.${text}` : text);
  }

  /** A whole number between the bounds. */
  range(field: string, value: number, [least, most]: readonly [number, number]): void {
    if (Number.isInteger(value) && value >= least && value <= most) return;
    const upper = most === Infinity ? 'inf)' : `${most}]`;
    this.say(`${field}: Invalid value: ${value}: not in valid range [${least}, ${upper}`);
  }

  oneOf<T extends string>(field: string, value: string, known: readonly [T, ...T[]]): T {
    const found = known.find((k) => k === value);
    if (found !== undefined) return found;
    const list = known.map((k) => `"${k}"`).join(', ');
    this.say(`${field}: Unsupported value: "${value}": supported values: ${list}`);
    return known[0];
  }
}
