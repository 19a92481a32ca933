/**
 * The pause program as machine code: it holds a pod's namespaces open, reaps orphans (it is process
 * 1 of a pod that shares its process namespace) and ends on SIGTERM or SIGINT. In C it would be:
 *
 *     sigprocmask(SIG_BLOCK, {SIGCHLD, SIGTERM, SIGINT});
 *     for (;;) switch (sigwaitinfo(set)) {
 *       case SIGCHLD: while (wait4(-1, 0, WNOHANG, 0) > 0); break;
 *       case SIGTERM, SIGINT: exit_group(0);
 *     }
 *
 * Signals that are blocked are queued even for process 1, so no handler is needed and nothing can
 * interrupt anything.
 */
const signalSet = 0x14002n; // SIGINT (2), SIGTERM (15), SIGCHLD (17): bit n-1 each
const sigchld = 17;

/** A static ELF executable for `arch` (Node's name of it). */
export function pauseProgram(arch: string): Buffer {
  if (arch === 'x64') return elf(0x3e, x64());
  if (arch === 'arm64') return elf(0xb7, arm64());
  throw new Error(`no pause program for ${arch}`);
}

/** Bytes with labels and relative references, resolved at the end. */
class Code {
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #fixups: { at: number; resolve: (target: number) => void }[] = [];

  get here(): number {
    return this.#bytes.length;
  }
  label(name: string): void {
    this.#labels.set(name, this.here);
  }
  emit(...bytes: number[]): void {
    this.#bytes.push(...bytes);
  }
  word(value: number): void {
    this.emit(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255);
  }
  patch(at: number, value: number, length: number): void {
    for (let i = 0; i < length; i++) this.#bytes[at + i] = (value >> (8 * i)) & 255;
  }
  refer(name: string, at: number, resolve: (target: number) => void): void {
    this.#fixups.push({ at, resolve: () => resolve(this.#labels.get(name) ?? at) });
  }
  finish(): Buffer {
    for (const { resolve } of this.#fixups) resolve(0);
    return Buffer.from(this.#bytes);
  }
}

function x64(): Buffer {
  const c = new Code();
  const movEax = (value: number): void => (c.emit(0xb8), c.word(value)); // mov eax, imm32
  const movR10 = (value: number): void => (c.emit(0x41, 0xba), c.word(value)); // mov r10d, imm32
  const xorEdi = (): void => c.emit(0x31, 0xff);
  const xorEsi = (): void => c.emit(0x31, 0xf6);
  const xorEdx = (): void => c.emit(0x31, 0xd2);
  const syscall = (): void => c.emit(0x0f, 0x05);
  const lea = (register: 'rsi' | 'rdi', name: string): void => {
    c.emit(0x48, 0x8d, register === 'rsi' ? 0x35 : 0x3d); // lea register, [rip + disp32]
    const at = c.here;
    c.word(0);
    c.refer(name, at, (target) => c.patch(at, target - (at + 4), 4));
  };
  const jump = (opcode: number, name: string): void => {
    c.emit(opcode);
    const at = c.here;
    c.emit(0);
    c.refer(name, at, (target) => c.patch(at, target - (at + 1), 1));
  };
  xorEdi(); // SIG_BLOCK
  lea('rsi', 'set');
  xorEdx();
  movR10(8);
  movEax(14); // rt_sigprocmask
  syscall();
  c.label('wait');
  lea('rdi', 'set');
  xorEsi();
  xorEdx();
  movR10(8);
  movEax(128); // rt_sigtimedwait, without a timeout
  syscall();
  c.emit(0x83, 0xf8, sigchld); // cmp eax, SIGCHLD
  jump(0x74, 'reap'); // je
  c.emit(0x85, 0xc0); // test eax, eax
  jump(0x78, 'wait'); // js: interrupted
  xorEdi();
  movEax(231); // exit_group
  syscall();
  c.label('reap');
  c.emit(0x48, 0xc7, 0xc7, 0xff, 0xff, 0xff, 0xff); // mov rdi, -1
  xorEsi();
  c.emit(0xba, 1, 0, 0, 0); // mov edx, WNOHANG
  c.emit(0x45, 0x31, 0xd2); // xor r10d, r10d
  movEax(61); // wait4
  syscall();
  c.emit(0x85, 0xc0); // test eax, eax
  jump(0x7f, 'reap'); // jg
  jump(0xeb, 'wait'); // jmp
  return data(c);
}

function arm64(): Buffer {
  const c = new Code();
  const mov = (register: number, value: number): void =>
    c.word(0xd2800000 | (value << 5) | register); // movz
  const svc = (call: number): void => (mov(8, call), c.word(0xd4000001));
  const adr = (register: number, name: string): void => {
    const at = c.here;
    c.word(0);
    c.refer(name, at, (target) => {
      const offset = target - at;
      c.patch(
        at,
        0x10000000 | ((offset & 3) << 29) | (((offset >> 2) & 0x7ffff) << 5) | register,
        4,
      );
    });
  };
  const branch = (condition: number | undefined, name: string): void => {
    const at = c.here;
    c.word(0);
    c.refer(name, at, (target) => {
      const offset = (target - at) >> 2;
      c.patch(
        at,
        condition === undefined
          ? 0x14000000 | (offset & 0x3ffffff)
          : 0x54000000 | ((offset & 0x7ffff) << 5) | condition,
        4,
      );
    });
  };
  const compare = (value: number): void => c.word(0x7100001f | (value << 10)); // cmp w0, value
  const equal = 0x0;
  const less = 0xb;
  const greater = 0xc;
  mov(0, 0); // SIG_BLOCK
  adr(1, 'set');
  mov(2, 0);
  mov(3, 8);
  svc(135); // rt_sigprocmask
  c.label('wait');
  adr(0, 'set');
  mov(1, 0);
  mov(2, 0);
  mov(3, 8);
  svc(137); // rt_sigtimedwait, without a timeout
  compare(sigchld);
  branch(equal, 'reap');
  compare(0);
  branch(less, 'wait'); // interrupted
  mov(0, 0);
  svc(94); // exit_group
  c.label('reap');
  c.word(0x92800000); // movn x0, 0: any child
  mov(1, 0);
  mov(2, 1); // WNOHANG
  mov(3, 0);
  svc(260); // wait4
  compare(0);
  branch(greater, 'reap');
  branch(undefined, 'wait');
  return data(c);
}

function data(c: Code): Buffer {
  while (c.here % 8 !== 0) c.emit(0);
  c.label('set');
  for (let i = 0n; i < 8n; i++) c.emit(Number((signalSet >> (8n * i)) & 255n));
  return c.finish();
}

/**
 * One loadable read-and-execute segment and a stack that is not executable (System V ABI, chapter
 * 5).
 */
function elf(machine: number, code: Buffer): Buffer {
  const headBytes = 64 + 2 * 56;
  const base = 0x400000n;
  const head = Buffer.alloc(headBytes);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  head.writeUInt16LE(2, 16); // ET_EXEC
  head.writeUInt16LE(machine, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(base + BigInt(headBytes), 24); // entry
  head.writeBigUInt64LE(64n, 32); // program headers
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(2, 56);
  head.writeUInt16LE(64, 58);
  const segment = (at: number, type: number, flags: number, size: number, align: number): void => {
    head.writeUInt32LE(type, at);
    head.writeUInt32LE(flags, at + 4);
    head.writeBigUInt64LE(type === 1 ? base : 0n, at + 16);
    head.writeBigUInt64LE(type === 1 ? base : 0n, at + 24);
    head.writeBigUInt64LE(BigInt(size), at + 32);
    head.writeBigUInt64LE(BigInt(size), at + 40);
    head.writeBigUInt64LE(BigInt(align), at + 48);
  };
  segment(64, 1, 5, headBytes + code.length, 0x10000); // 64 KiB: the largest page arm64 has
  segment(120, 0x6474e551, 6, 0, 16); // PT_GNU_STACK
  return Buffer.concat([head, code]);
}
