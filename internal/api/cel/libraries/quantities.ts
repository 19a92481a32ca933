import { parseQuantity, Quantity as Amount } from '../../quantity.ts';
import { CelError } from '../errors.ts';
import type { Registry } from '../registry.ts';
import { Opaque, type Value } from '../values.ts';

export class QuantityValue extends Opaque {
  readonly typeName = 'Quantity';
  readonly amount: Amount;

  constructor(amount: Amount) {
    super();
    this.amount = amount;
  }

  equals(other: Value): boolean {
    return other instanceof QuantityValue && this.amount.cmp(other.amount) === 0;
  }
}

function parsed(text: string): Amount | undefined {
  try {
    return parseQuantity(text);
  } catch {
    return undefined;
  }
}

function must(text: string): QuantityValue {
  const amount = parsed(text);
  if (!amount)
    throw new CelError(
      `quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
    );
  return new QuantityValue(amount);
}

function whole(value: QuantityValue): bigint {
  if (!value.amount.isWhole()) throw new CelError('cannot convert value to integer');
  return value.amount.value();
}

export function quantities(registry: Registry): void {
  registry.define('quantity(string): Quantity', must);
  registry.define('isQuantity(string): bool', (text: string) => parsed(text) !== undefined);
  registry.define('Quantity->sign(): int', (a: QuantityValue) => BigInt(a.amount.sign()));
  registry.define('Quantity->isInteger(): bool', (a: QuantityValue) => a.amount.isWhole());
  registry.define('Quantity->asInteger(): int', whole);
  registry.define('Quantity->asApproximateFloat(): double', (a: QuantityValue) =>
    a.amount.asNumber(),
  );
  registry.define(
    'Quantity->add(Quantity): Quantity',
    (a: QuantityValue, b: QuantityValue) => new QuantityValue(a.amount.add(b.amount)),
  );
  registry.define(
    'Quantity->add(int): Quantity',
    (a: QuantityValue, b: bigint) => new QuantityValue(a.amount.add(Amount.of(b))),
  );
  registry.define(
    'Quantity->sub(Quantity): Quantity',
    (a: QuantityValue, b: QuantityValue) => new QuantityValue(a.amount.sub(b.amount)),
  );
  registry.define(
    'Quantity->sub(int): Quantity',
    (a: QuantityValue, b: bigint) => new QuantityValue(a.amount.sub(Amount.of(b))),
  );
  registry.define('Quantity->compareTo(Quantity): int', (a: QuantityValue, b: QuantityValue) =>
    BigInt(a.amount.cmp(b.amount)),
  );
  registry.define(
    'Quantity->isGreaterThan(Quantity): bool',
    (a: QuantityValue, b: QuantityValue) => a.amount.cmp(b.amount) > 0,
  );
  registry.define(
    'Quantity->isLessThan(Quantity): bool',
    (a: QuantityValue, b: QuantityValue) => a.amount.cmp(b.amount) < 0,
  );
}
