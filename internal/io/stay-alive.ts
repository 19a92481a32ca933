/**
 * Keeps the process from ending for want of work until the returned function is called; timers of
 * Clock do not.
 */
export function stayAlive(): () => void {
  const handle = setInterval(() => undefined, 0x7fffffff);
  return () => clearInterval(handle);
}
