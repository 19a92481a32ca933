import { expect, test } from 'vitest';
import { GrpcError, grpcCode } from '../../io/grpc.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { execInContainer } from './exec-in-container.ts';

const clock = new FakeClock();

const late = (): GrpcError => {
  const error = { code: grpcCode.deadlineExceeded, details: 'timeout', message: 'timeout' };
  return new GrpcError('exec', error as ConstructorParameters<typeof GrpcError>[1]);
};

/** A runtime that answers after `answersMs`, unless the caller has given up before. */
function runs(answersMs: number, end: () => { exitCode: number } | GrpcError) {
  let checks = 0;
  const exec = execInContainer({
    clock,
    health: { check: () => void checks++ },
    cri: {
      execSync: async (_request, { timeoutMs = 0 } = {}) => {
        const gaveUp = timeoutMs > 0 && timeoutMs < answersMs;
        await clock.sleep('fake', gaveUp ? timeoutMs : answersMs);
        const ended = gaveUp ? late() : end();
        if (ended instanceof GrpcError) throw ended;
        return { ...ended, stdout: Buffer.from('out'), stderr: Buffer.from('err') };
      },
    },
  });
  return { exec, checks: () => checks };
}

test('a command that leaves a child behind took too long, however late that is said', async () => {
  const { exec, checks } = runs(11_000, late);
  const asked = exec('c', ['sh', '-c', 'sleep 10 && exit 1'], 1);
  const failed = expect(asked).rejects.toBeInstanceOf(GrpcError);
  await clock.advance(5_900);
  expect(checks()).toBe(0);
  await clock.advance(200);
  expect(checks()).toBe(1);
  await clock.advance(6_000);
  await failed;
});

test('a runtime that says nothing tells nothing of the container', async () => {
  const { exec } = runs(1e9, late);
  const failed = expect(exec('c', ['true'], 1)).rejects.toThrow(/runtime did not answer/);
  await clock.advance(121_000);
  await failed;
});

test('an answer in time is told, and nobody looks at the runtime', async () => {
  const { exec, checks } = runs(500, () => ({ exitCode: 3 }));
  const asked = exec('c', ['true'], 1);
  await clock.advance(600);
  expect(await asked).toEqual({ exitCode: 3, output: 'outerr' });
  await clock.advance(60_000);
  expect(checks()).toBe(0);
});
