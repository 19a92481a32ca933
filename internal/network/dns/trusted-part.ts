import {
  classIn,
  types,
  type Question,
  type Reply,
  type WireRecord,
} from '../../wire/dns/message.ts';
import { DnsFault, isWithin, nameKey, readName, type WireName } from '../../wire/dns/names.ts';

/** Aliases that are followed in one answer; real ones are two or three long. */
const longestChain = 16;
/** A name that its owner changes is believed no longer than a day, whatever is said. */
const longestTtl = 86_400;

/**
 * What of a resolver's answer belongs to the question: the records of the name asked for, those of
 * the names it is an alias of, and the SOA (with DNSSEC's proofs) of a zone above them. All else is
 * what poisons caches, so it is neither kept nor passed on. Nothing about `ownZone` comes from
 * outside.
 */
export function trustedPart(reply: Reply, question: Question, ownZone: WireName): Reply {
  const wanted = (r: WireRecord): boolean => r.class === classIn && !isWithin(r.name, ownZone);
  const offered = reply.answers.filter((r) => wanted(r) && isAnswer(r.type, question.type));
  const answers: WireRecord[] = [];
  const done = new Set<string>();
  let name: WireName | undefined = question.name;
  for (let i = 0; name && i < longestChain; i++) {
    const here: WireName = name;
    const key = nameKey(here);
    if (done.has(key)) break;
    done.add(key);
    // A DNAME above the name explains the CNAME that follows it (RFC 6672).
    const chosen = offered.filter(
      (r) =>
        nameKey(r.name) === key ||
        (r.type === types.DNAME && nameKey(r.name) !== key && isWithin(here, r.name)),
    );
    answers.push(...chosen.filter((r) => !answers.includes(r)));
    const alias =
      question.type === types.CNAME
        ? undefined
        : chosen.find((r) => r.type === types.CNAME && nameKey(r.name) === key);
    name = alias && targetOf(alias);
  }
  const last = name ?? question.name;
  const proofs: number[] = [types.SOA, types.RRSIG, types.NSEC, types.NSEC3];
  const above = (r: WireRecord): boolean =>
    r.type === types.SOA
      ? isWithin(last, r.name) || isWithin(question.name, r.name)
      : proofs.includes(r.type);
  const authorities = reply.authorities.filter((r) => wanted(r) && above(r));
  return {
    ...reply,
    authoritative: false,
    answers: answers.map(capped),
    authorities: authorities.map(capped),
    additionals: [],
  };
}

const isAnswer = (type: number, asked: number): boolean =>
  type === asked ||
  asked === types.ANY ||
  type === types.CNAME ||
  type === types.DNAME ||
  type === types.RRSIG;

function targetOf(alias: WireRecord): WireName | undefined {
  try {
    return readName(alias.data, 0).name;
  } catch (error) {
    if (error instanceof DnsFault) return undefined;
    throw error;
  }
}

/** A time with its highest bit set counts as none (RFC 2181). */
const capped = (record: WireRecord): WireRecord => ({
  ...record,
  ttl: record.ttl > 0x7fffffff ? 0 : Math.min(record.ttl, longestTtl),
});

/**
 * Seconds that an answer may be kept: its smallest time, or what the SOA says for a name or a type
 * that is not there (RFC 2308).
 */
export function ttlOf(reply: Reply): number {
  if (reply.answers.length > 0) return Math.min(...reply.answers.map((r) => r.ttl));
  const soa = reply.authorities.find((r) => r.type === types.SOA);
  return soa && soa.data.length >= 4
    ? Math.min(soa.ttl, soa.data.readUInt32BE(soa.data.length - 4))
    : 0;
}

/** The answer as it is some seconds later. */
export function aged(reply: Reply, seconds: number): Reply {
  const older = (r: WireRecord): WireRecord => ({ ...r, ttl: Math.max(0, r.ttl - seconds) });
  return { ...reply, answers: reply.answers.map(older), authorities: reply.authorities.map(older) };
}
