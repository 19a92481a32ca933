import type { PriorityLevelConfiguration } from '../../api/generated/types/flowcontrol-v1.ts';

/**
 * What a level has, in seats: `own` always, `least` of it when all is lent, `most` when it borrows.
 */
export interface Seats {
  own: number;
  least: number;
  most: number;
}

const defaultShares = 30;

/** `nominalConcurrencyShares` of any type of level. */
export function sharesOf(level: PriorityLevelConfiguration): number {
  const { spec } = level;
  return spec?.type === 'Exempt'
    ? (spec.exempt?.nominalConcurrencyShares ?? 0)
    : (spec?.limited?.nominalConcurrencyShares ?? defaultShares);
}

/** How a total is divided (KEP-1040: NominalCL, LendableCL, BorrowingCL). */
export function seatsOf(
  level: PriorityLevelConfiguration,
  total: number,
  sumOfShares: number,
): Seats {
  const own = sumOfShares > 0 ? Math.ceil((total * sharesOf(level)) / sumOfShares) : 0;
  const { spec } = level;
  const lendable =
    spec?.type === 'Exempt' ? spec.exempt?.lendablePercent : spec?.limited?.lendablePercent;
  const borrowing = spec?.limited?.borrowingLimitPercent;
  return {
    own,
    least: own - Math.round((own * (lendable ?? 0)) / 100),
    most:
      borrowing === undefined || borrowing === null
        ? own + total
        : own + Math.round((own * borrowing) / 100),
  };
}

/** Seats that are marked lendable, not used by their owners and not lent yet. */
export function lendableSeats(
  levels: Iterable<{ seats: Seats; executing: number; exempt: boolean }>,
): number {
  let free = 0;
  for (const { seats, executing, exempt } of levels) {
    if (executing <= seats.own) free += seats.own - Math.max(executing, seats.least);
    else if (!exempt) free -= executing - seats.own;
  }
  return free;
}
