import type { Clock } from '../../io/clock.ts';
import type { Random } from '../../io/random.ts';
import { bindUdp, dialTcp } from '../../io/sockets.ts';
import { encodeQuestion, parseReply, type Question, type Reply } from '../../wire/dns/message.ts';
import { DnsFault, nameKey, type WireName } from '../../wire/dns/names.ts';

export interface Asking extends Asked {
  clock: Clock;
  random: Random;
  resolver: string;
  port: number;
  timeoutMs: number;
}

/**
 * `cut`: it did not fit into a datagram. `careless`: all was right but the letters' case, which a
 * forger cannot know.
 */
export type UdpAnswer = { kind: 'whole'; reply: Reply } | { kind: 'cut' } | { kind: 'careless' };

/** Answers that are not ours before the question is given up: somebody guesses. */
const mostStrangers = 64;

/**
 * Asks over UDP as RFC 5452 wants it: a fresh port and id for each question, and an answer counts
 * only when it comes from the resolver's address and port with this id and this very question. With
 * `mixed` the letters' case is part of the secret.
 */
export async function askUdp(asking: Asking & { mixed: boolean }): Promise<UdpAnswer> {
  const { clock, random, resolver, port, timeoutMs } = asking;
  const question: Question = {
    ...asking.question,
    name: asking.mixed ? mixedCase(asking.question.name, random) : asking.question.name,
  };
  const id = random.int(65536);
  let settle: (answer: UdpAnswer | undefined) => void = () => undefined;
  const answered = new Promise<UdpAnswer | undefined>((resolve) => (settle = resolve));
  let strangers = 0;
  const socket = await bindUdp(
    'dns.ask',
    { address: resolver.includes(':') ? '::' : '0.0.0.0', port: 0 },
    (data, from) => {
      const answer =
        from.address === resolver && from.port === port
          ? match(data, id, question, asking.mixed)
          : undefined;
      if (answer) settle(answer);
      else if (++strangers >= mostStrangers) settle({ kind: 'cut' });
    },
  );
  const timer = clock.after('dns.ask', timeoutMs, () => settle(undefined));
  socket.send(encodeQuestion(question, { ...asking, id }), port, resolver);
  const answer = await answered;
  timer.cancel();
  socket.close();
  if (!answer) throw new Error(`no answer in ${timeoutMs} ms`);
  return answer;
}

function match(
  data: Buffer,
  id: number,
  question: Question,
  mixed: boolean,
): UdpAnswer | undefined {
  const reply = parsed(data, id, question);
  if (!reply) return undefined;
  if (mixed && !reply.question.name.equals(question.name)) return { kind: 'careless' };
  return reply.truncated ? { kind: 'cut' } : { kind: 'whole', reply };
}

/** The reply, when it answers this question. */
function parsed(
  data: Buffer,
  id: number,
  question: Question,
): ReturnType<typeof parseReply> | undefined {
  try {
    const reply = parseReply(data);
    const same =
      reply.question.type === question.type &&
      reply.question.class === question.class &&
      nameKey(reply.question.name) === nameKey(question.name);
    return reply.id === id && reply.opcode === 0 && same ? reply : undefined;
  } catch (error) {
    if (error instanceof DnsFault) return undefined;
    throw error;
  }
}

/** The same name with letters of either case at random (draft-vixie-dnsext-dns0x20). */
function mixedCase(name: WireName, random: Random): WireName {
  const mixed = Buffer.from(name);
  for (let at = 0; (mixed[at] ?? 0) > 0; at += 1 + (mixed[at] as number)) {
    for (let i = at + 1; i <= at + (mixed[at] as number); i++) {
      const letter = (mixed[i] as number) | 0x20;
      if (letter >= 0x61 && letter <= 0x7a && random.int(2) === 1)
        mixed[i] = (mixed[i] as number) ^ 0x20;
    }
  }
  return mixed;
}

/** Asks over TCP, for what is cut or doubtful over UDP. */
export async function askTcp(asking: Asking): Promise<Reply> {
  const { clock, random, resolver, port, timeoutMs, question } = asking;
  const id = random.int(65536);
  const query = encodeQuestion(question, { ...asking, id });
  const socket = await dialTcp('dns.ask.tcp', { address: resolver, port, timeoutMs });
  const timer = clock.after('dns.ask.tcp', timeoutMs, () =>
    socket.destroy(new Error(`no answer over TCP in ${timeoutMs} ms`)),
  );
  const head = Buffer.alloc(2);
  head.writeUInt16BE(query.length);
  socket.write(Buffer.concat([head, query]));
  let got = Buffer.alloc(0);
  try {
    for await (const chunk of socket) {
      got = Buffer.concat([got, chunk as Buffer]);
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) continue;
      const reply = parsed(got.subarray(2, 2 + got.readUInt16BE(0)), id, question);
      if (!reply || reply.truncated) throw new Error('an answer over TCP to another question');
      return reply;
    }
  } finally {
    timer.cancel();
    socket.destroy();
  }
  throw new Error('the resolver closed the connection');
}

/**
 * A question that somebody may be told the answer of; what makes answers differ is in it, and
 * nothing else of the asker's message.
 */
export interface Asked {
  question: Question;
  checkingDisabled: boolean;
  authenticData: boolean;
  dnssecOk: boolean;
}
