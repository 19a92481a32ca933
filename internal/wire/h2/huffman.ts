/**
 * The Huffman code of HPACK (RFC 7541, Appendix B). It is canonical: codes of one length follow
 * each other in the order of their symbols, so the lengths say everything. One digit in base 32 for
 * each symbol from 0 to 255, and then for the end.
 */
export const codeLengths =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad6777777777777777777777787' +
  '8djde6f56565666577666567655677777fbeds' +
  ('kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqroll' +
    'qqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu');

const endOfString = 256;
const nibbles = 16;
const failed = -1;
const emits = 1 << 17;

/**
 * The automaton that reads four bits at a time: no code is shorter than five, so a step tells one
 * symbol at most. An entry holds the next state in nine bits, then the symbol in eight, then
 * whether there is one.
 */
const steps = new Int32Array(256 * nibbles);
/**
 * States in which a string may end: nothing but ones since the last symbol, and fewer than eight.
 */
const mayEnd = new Uint8Array(256);
build();

/** Scratch that is grown to the longest string seen; headers are bounded, so it is too. */
let text = Buffer.allocUnsafeSlow(256);

/**
 * The decoded string with one character for each byte, or undefined when the padding or a symbol is
 * wrong.
 */
export function decodeHuffman(bytes: Buffer, from: number, to: number): string | undefined {
  if ((to - from) * 2 > text.length) text = Buffer.allocUnsafeSlow((to - from) * 4);
  let state = 0;
  let length = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = steps[state * nibbles + ((byte >>> shift) & 15)] as number;
      if (step === failed) return undefined;
      if ((step & emits) !== 0) text[length++] = (step >>> 9) & 0xff;
      state = step & 0x1ff;
    }
  }
  return mayEnd[state] === 1 ? text.latin1Slice(0, length) : undefined;
}

/** Inner nodes of the code's tree, two branches each: another node, or a symbol as -1 - symbol. */
function tree(): number[][] {
  const lengths = Array.from(codeLengths, (digit) => parseInt(digit, 32));
  const order = lengths
    .map((_, symbol) => symbol)
    .sort((a, b) => (lengths[a] as number) - (lengths[b] as number) || a - b);
  const nodes: number[][] = [[0, 0]];
  let code = 0;
  let width = 0;
  for (const symbol of order) {
    const length = lengths[symbol] as number;
    code <<= length - width;
    width = length;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const branch = (code >>> bit) & 1;
      const branches = nodes[node] as number[];
      if (branches[branch] === 0) branches[branch] = nodes.push([0, 0]) - 1;
      node = branches[branch] as number;
    }
    (nodes[node] as number[])[code & 1] = -1 - symbol;
    code++;
  }
  return nodes;
}

function build(): void {
  const nodes = tree();
  for (let state = 0; state < nodes.length; state++) {
    for (let nibble = 0; nibble < nibbles; nibble++) {
      let node = state;
      let entry = 0;
      for (let bit = 3; bit >= 0 && entry !== failed; bit--) {
        const next = (nodes[node] as number[])[(nibble >>> bit) & 1] as number;
        node = Math.max(next, 0);
        if (next === -1 - endOfString) entry = failed;
        else if (next < 0) entry = emits | ((-1 - next) << 9);
      }
      steps[state * nibbles + nibble] = entry === failed ? failed : entry | node;
    }
  }
  for (let ones = 0, node = 0; ones < 8; ones++) {
    mayEnd[node] = 1;
    node = (nodes[node] as number[])[1] as number;
  }
}

declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string;
  }
}
