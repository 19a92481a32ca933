import { messageOf } from '../../base/errors.ts';
import type { Check, Patient } from './check.ts';
import { needs } from './needs.ts';
import { surroundings } from './surroundings.ts';

/** Everything that can be asked. */
export async function examine(patient: Patient): Promise<Check[]> {
  const asked = await Promise.allSettled([needs(patient), surroundings(patient)]);
  return asked.flatMap((one) =>
    one.status === 'fulfilled'
      ? one.value
      : [
          {
            what: 'the machine',
            state: 'note',
            fix: `not all was asked: ${messageOf(one.reason)}`,
          },
        ],
  );
}

/** Does what can be done, and looks again. Gives what was done, and what is so now. */
export async function mend(patient: Patient): Promise<{ done: string[]; now: Check[] }> {
  const done: string[] = [];
  for (const check of await examine(patient)) {
    if (!check.mend) continue;
    try {
      await check.mend();
      done.push(`${check.what}: done`);
    } catch (error) {
      done.push(`${check.what}: ${messageOf(error)}`);
    }
  }
  return { done, now: await examine(patient) };
}
